// The tunnels of one session, as either side sees them: which is the best for a new stream, and who waits for one.
// Knows nothing of how tunnels come to be.

import { orAborted } from './dial.ts';
import type { DepotError } from '../errors.ts';
import type { Tunnel } from './tunnel.ts';

/** Below this much difference in recent bytes, the number of streams decides. */
const LITTLE_BYTES = 64 * 1024;

export class TunnelSet {
  readonly #tunnels = new Set<Tunnel>();
  readonly #waiting = new Set<PromiseWithResolvers<void>>();
  #closed: DepotError | undefined;

  get size(): number {
    return this.#tunnels.size;
  }

  /** Streams on all of them. */
  get streams(): number {
    return this.#tunnels.values().reduce((sum, { streams }) => sum + streams, 0);
  }

  get all(): readonly Tunnel[] {
    return [...this.#tunnels];
  }

  get counts(): { readonly idle: number; readonly busy: number } {
    const idle = this.all.filter(({ streams }) => streams === 0).length;
    return { idle, busy: this.#tunnels.size - idle };
  }

  /** One without streams, else the one where least is going on. */
  best(): Tunnel | undefined {
    let best: Tunnel | undefined;
    for (const tunnel of this.#tunnels) {
      if (!tunnel.connection.isOpen) continue;
      if (tunnel.streams === 0) return tunnel;
      if (best === undefined || isLessBusy(tunnel, best)) best = tunnel;
    }
    return best;
  }

  /** Keeps a tunnel for as long as it lives. `onLost` is called when it does no more. */
  add(tunnel: Tunnel, onLost?: () => void): void {
    this.#tunnels.add(tunnel);
    void tunnel.connection.closed.then(() => {
      this.#tunnels.delete(tunnel);
      onLost?.();
    });
    this.wake();
  }

  /** Resolves when it is worth looking again for a tunnel. Rejects when there will be none, or when `signal` aborts. */
  async change(signal: AbortSignal): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed;
    const change = Promise.withResolvers<void>();
    this.#waiting.add(change);
    await orAborted(change.promise, signal).finally(() => this.#waiting.delete(change));
  }

  /** Lets everybody who waits look again. */
  wake(): void {
    for (const { resolve } of this.#waiting) resolve();
  }

  /** Ends the wait for a tunnel at once, and every tunnel after `graceMs`; until then they may end by themselves. */
  close(error: DepotError, graceMs = 0): void {
    this.#closed = error;
    for (const { reject } of this.#waiting) reject(error);
    if (graceMs === 0) this.#closeTunnels(error);
    else setTimeout(() => this.#closeTunnels(error), graceMs).unref();
  }

  #closeTunnels(error: DepotError): void {
    for (const { connection } of this.#tunnels) connection.close(error);
  }
}

const isLessBusy = (a: Tunnel, b: Tunnel): boolean => {
  const [activityA, activityB] = [a.activity, b.activity];
  return Math.abs(activityA - activityB) < LITTLE_BYTES ? a.streams < b.streams : activityA < activityB;
};
