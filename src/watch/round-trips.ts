// The round trips of each link, by the name of its local or client, over the last 15 minutes, one every 10 seconds: as often as there is a new heartbeat.

const EVERY_TICKS = 10;
const KEPT = 90;

export interface LinkRoundTrip {
  readonly name: string;
  readonly rttMs: number | null;
}

export class RoundTrips {
  readonly #byName = new Map<string, number[]>();

  /** Milliseconds, oldest first. */
  of(name: string): readonly number[] {
    return this.#byName.get(name) ?? [];
  }

  /** The newest of each link that is up, on every tenth tick. */
  sample(tick: number, links: () => readonly LinkRoundTrip[]): Readonly<Record<string, number>> | undefined {
    if (tick % EVERY_TICKS !== 0) return undefined;
    const all = links();
    const newest = all.flatMap(({ name, rttMs }) => (rttMs === null ? [] : [[name, rttMs] as const]));
    for (const [name, rttMs] of newest) {
      const kept = this.#byName.get(name) ?? [];
      kept.push(rttMs);
      if (kept.length > KEPT) kept.shift();
      this.#byName.set(name, kept);
    }
    for (const name of this.#byName.keys()) if (!all.some((link) => link.name === name)) this.#byName.delete(name);
    return newest.length === 0 ? undefined : Object.fromEntries(newest);
  }
}
