// What goes wrong at the ports: who was turned away and why, and what nobody foresaw. One connection must never take the
// others with it.

import { type DepotError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

/** Somebody got no further than `port`. */
type OnTurnedAway = (port: string, from: string, error: DepotError) => void;

export class Incidents {
  readonly #log: Log;
  readonly #onTurnedAway: OnTurnedAway;

  constructor(log: Log, onTurnedAway: OnTurnedAway) {
    this.#log = log;
    this.#onTurnedAway = onTurnedAway;
  }

  /** What a port is handed, to tell of those who are turned away there. */
  at(port: string): (from: string, error: DepotError) => void {
    return (from, error) => {
      const why = error.message;
      this.#log.info({ event: 'turned-away', port, from, why }, `turned away ${from}: ${why}`);
      this.#onTurnedAway(port, from, error);
    };
  }

  readonly unforeseen = (error: unknown): void =>
    this.#log.error({ event: 'unforeseen', error: messageOf(error) }, `unforeseen: ${messageOf(error)}`);

  watch(serving: Promise<void>): void {
    serving.catch(this.unforeseen);
  }
}
