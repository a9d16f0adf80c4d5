// Slows down whoever guesses: each failure of an address makes its next attempt wait longer. One memory for every door.

import { networkOf } from '../socks/address.ts';
import { setTimeout as sleep } from 'node:timers/promises';

/** The first failure of an address costs its next attempt this much; each further one twice as much. */
const PENALTY_MS = 250;
const LONGEST_PENALTY_MS = 8000;
/** After so long without a failure an address is forgotten. */
const FORGIVEN_AFTER_MS = 10 * 60_000;
const PENALTY_ENTRIES = 10_000;

interface Penalty {
  readonly failures: number;
  readonly atMs: number;
}

export class Penalties {
  readonly #penalties = new Map<string, Penalty>();

  /** Waits as long as this address has to. */
  async serve(from: string, signal?: AbortSignal): Promise<void> {
    const failures = this.#failures(networkOf(from));
    if (failures > 0)
      await sleep(Math.min(PENALTY_MS * 2 ** (failures - 1), LONGEST_PENALTY_MS), undefined, { signal });
  }

  failed(from: string): void {
    const source = networkOf(from);
    remember(
      this.#penalties,
      source,
      { failures: this.#failures(source) + 1, atMs: performance.now() },
      PENALTY_ENTRIES,
    );
  }

  forgive(from: string): void {
    this.#penalties.delete(networkOf(from));
  }

  /** Failures in a row that are not forgiven yet. */
  #failures(source: string): number {
    const penalty = this.#penalties.get(source);
    return penalty === undefined || performance.now() - penalty.atMs > FORGIVEN_AFTER_MS ? 0 : penalty.failures;
  }
}

/** Keeps the newest `limit` entries. */
export const remember = <T>(map: Map<string, T>, key: string, value: T, limit: number): void => {
  map.delete(key);
  map.set(key, value);
  if (map.size > limit) map.delete(map.keys().next().value ?? key);
};
