// The round trips of each local over the last 15 minutes, one every 10 seconds: as often as there is a new heartbeat.

import type { LocalStatus } from './status.ts';

const EVERY_TICKS = 10;
const KEPT = 90;

export class RoundTrips {
  readonly #byLocal = new Map<string, number[]>();

  /** Milliseconds, oldest first. */
  of(local: string): readonly number[] {
    return this.#byLocal.get(local) ?? [];
  }

  /** The newest of each local that is connected, on every tenth tick. */
  sample(tick: number, locals: () => readonly LocalStatus[]): Readonly<Record<string, number>> | undefined {
    if (tick % EVERY_TICKS !== 0) return undefined;
    const all = locals();
    const newest = all.flatMap(({ name, rttMs }) => (rttMs === null ? [] : [[name, rttMs] as const]));
    for (const [name, rttMs] of newest) {
      const kept = this.#byLocal.get(name) ?? [];
      kept.push(rttMs);
      if (kept.length > KEPT) kept.shift();
      this.#byLocal.set(name, kept);
    }
    for (const name of this.#byLocal.keys()) if (!all.some((local) => local.name === name)) this.#byLocal.delete(name);
    return newest.length === 0 ? undefined : Object.fromEntries(newest);
  }
}
