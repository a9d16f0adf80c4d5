// The tunnels of one session: the server asks for them ahead of demand and hands out their ids, the other side brings them.
// One stream to a tunnel while there are idle ones, the least busy one when all are taken. Grows and shrinks between two limits.

import { randomBytes } from 'node:crypto';
import { DepotError } from '../errors.ts';
import { encodeJsonFrame, FrameType } from '../link/frames.ts';
import type { Control, Open } from '../link/messages.ts';
import type { WindowOptions } from '../link/window.ts';
import type { Connection, Progress } from '../net/connector.ts';
import { orAborted } from '../net/dial.ts';
import type { FrameConnection } from '../net/frame-connection.ts';
import { type AcceptStream, Tunnel } from '../net/tunnel.ts';
import { TunnelSet } from '../net/tunnel-set.ts';

export interface PoolOptions {
  /** Read whenever they are needed. */
  readonly settings: {
    /** Idle tunnels that are kept ready. */
    readonly tunnelsMin: number;
    /** The most tunnels that there may be. */
    readonly tunnelsMax: number;
    /** How long the id of a tunnel is good, in milliseconds. */
    readonly tunnelIdMs: number;
  };
  readonly windows: WindowOptions;
  /** What to do with streams that the other side opens; where it is not given, opening one is a violation. */
  readonly accept?: AcceptStream;
}

/** 256 bits, so that nobody guesses one. */
const ID_BYTES = 32;
/** How long demand is remembered: tunnels that bursts need again within this time stay. */
const DEMAND_MS = 3500;
/** How often is looked for tunnels that are not needed any more, or are since a reload. */
const LOOK_MS = 500;

/** A request that waits for the very tunnel that was asked for with it. */
interface Waiter {
  /** Called before anything that comes through the tunnel is read. */
  readonly attached: (tunnel: Tunnel) => void;
  readonly failed: (error: DepotError) => void;
}

/** An id that the other side was asked to bring a tunnel for. */
interface Expected {
  readonly timer: NodeJS.Timeout;
  readonly waiter: Waiter | undefined;
}

export class TunnelPool {
  readonly #control: FrameConnection;
  readonly #options: PoolOptions;
  readonly #tunnels = new TunnelSet();
  readonly #expected = new Map<string, Expected>();
  readonly #lookTimer: NodeJS.Timeout;
  #settling: PromiseWithResolvers<void> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;
  #closed: DepotError | undefined;

  constructor(control: FrameConnection, options: PoolOptions) {
    this.#control = control;
    this.#options = options;
    this.#lookTimer = setInterval(() => {
      this.#shrink();
      this.#grow();
    }, LOOK_MS);
    this.#grow();
  }

  get counts(): { readonly idle: number; readonly busy: number } {
    return this.#tunnels.counts;
  }

  /** Streams that run now, and those that begin. */
  get streams(): number {
    return this.#tunnels.streams;
  }

  /** Opens a stream, on the best tunnel there is, or on one that local brings for it. */
  async open(open: Open, signal: AbortSignal, progress: Progress): Promise<Connection> {
    for (;;) {
      if (this.#closed !== undefined) throw this.#closed;
      const tunnel = this.#tunnels.best();
      if (tunnel !== undefined) return tunnel.open(open, signal, progress);
      const { tunnelsMin, tunnelsMax } = this.#options.settings;
      if (this.#expected.size < tunnelsMax + tunnelsMin) return await this.#openWithTunnel(open, signal, progress);
      await this.#tunnels.change(signal);
    }
  }

  /** A tunnel was brought. False where nobody asked for this id, or it was used, or is too old. */
  attach(id: string, connection: FrameConnection): boolean {
    const expected = this.#expected.get(id);
    if (expected === undefined || this.#closed !== undefined) return false;
    this.#forget(id, expected);
    const onChange = (): void => {
      if (this.#idle !== undefined && this.streams === 0) this.#idle.resolve();
      this.#grow();
    };
    connection.runsBeside(this.#control);
    const { windows, accept } = this.#options;
    const tunnel = new Tunnel(connection, { windows, onChange, ...(accept && { accept }) });
    this.#tunnels.add(tunnel, onChange);
    expected.waiter?.attached(tunnel);
    return true;
  }

  /** This one will not come. Whoever waits for it knows at once; the next attempt waits as long as an id is good. */
  failed(id: string, error: DepotError): void {
    const expected = this.#expected.get(id);
    if (expected === undefined) return;
    const { waiter } = expected;
    waiter?.failed(new DepotError('local-lost', `local could not bring a tunnel: ${error.message}`, { cause: error }));
    if (waiter === undefined && this.#settling === undefined) return;
    this.#forget(id, expected);
    this.#tunnels.wake();
  }

  /**
   * Asks for no more tunnels ahead of demand: what there are carry what still comes. Resolves when none is on its way, so
   * that nobody brings one to a port that leads elsewhere by then.
   */
  settle(): Promise<void> {
    this.#settling ??= Promise.withResolvers();
    if (this.#expected.size === 0) this.#settling.resolve();
    return this.#settling.promise;
  }

  /** Takes `settle` back. */
  resume(): void {
    this.#settling = undefined;
    this.#grow();
  }

  /** Resolves as soon as no stream runs. */
  idle(): Promise<void> {
    this.#idle ??= Promise.withResolvers();
    if (this.streams === 0) this.#idle.resolve();
    return this.#idle.promise;
  }

  /** Ends every tunnel and every request that waits for one. */
  close(error: DepotError): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    clearInterval(this.#lookTimer);
    for (const { timer, waiter } of this.#expected.values()) {
      clearTimeout(timer);
      waiter?.failed(error);
    }
    this.#expected.clear();
    this.#settling?.resolve();
    this.#tunnels.close(error);
  }

  #openWithTunnel(open: Open, signal: AbortSignal, progress: Progress): Promise<Connection> {
    const connection = Promise.withResolvers<Connection>();
    const id = this.#expect({
      attached: (tunnel) => connection.resolve(tunnel.expect(open.command, signal, progress)),
      failed: connection.reject,
    });
    this.#tell({ type: 'request', tunnel: id, open });
    return orAborted(connection.promise, signal);
  }

  #expect(waiter?: Waiter): string {
    const id = randomBytes(ID_BYTES).toString('base64url');
    const timer = setTimeout(() => {
      this.#forget(id, { timer, waiter });
      waiter?.failed(new DepotError('timed-out', 'local brought no tunnel in time'));
      this.#grow();
      this.#tunnels.wake();
    }, this.#options.settings.tunnelIdMs);
    this.#expected.set(id, { timer, waiter });
    return id;
  }

  #forget(id: string, { timer }: Expected): void {
    clearTimeout(timer);
    this.#expected.delete(id);
    if (this.#expected.size === 0) this.#settling?.resolve();
  }

  #tell(message: Control): void {
    this.#control.send(encodeJsonFrame(FrameType.control, 0, message));
  }

  /** Asks for as many tunnels as there are busy ones and a few idle ones. */
  #grow(): void {
    if (this.#closed !== undefined || this.#settling !== undefined) return;
    const { tunnelsMin, tunnelsMax } = this.#options.settings;
    const { busy } = this.counts;
    const missing =
      Math.min(busy + tunnelsMin, Math.max(tunnelsMax, tunnelsMin)) - this.#tunnels.size - this.#expected.size;
    if (missing <= 0) return;
    this.#tell({ type: 'tunnels', ids: Array.from({ length: missing }, () => this.#expect()) });
  }

  #shrink(): void {
    const { tunnelsMin } = this.#options.settings;
    if (this.#tunnels.size <= tunnelsMin) return;
    for (const { connection } of spareAmong(this.#tunnels.all, tunnelsMin, performance.now()))
      connection.close(new DepotError('stopped', 'this tunnel is not needed any more'));
  }
}

/**
 * Which tunnels to give up: as many as there are beyond those that carry streams or did lately, and `min` more, idle
 * longest first. A new stream takes the first idle tunnel there is, so the ones that were used are as many as were
 * needed at one time.
 */
export const spareAmong = <T extends Pick<Tunnel, 'streams' | 'usedAtMs'>>(
  tunnels: readonly T[],
  min: number,
  nowMs: number,
): readonly T[] => {
  const needed = tunnels.filter(({ streams, usedAtMs }) => streams > 0 || nowMs - usedAtMs < DEMAND_MS).length;
  const idle = tunnels.filter(({ streams }) => streams === 0).toSorted((a, b) => a.usedAtMs - b.usedAtMs);
  return idle.slice(0, Math.max(0, tunnels.length - needed - min));
};
