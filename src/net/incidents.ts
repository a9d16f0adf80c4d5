// What goes wrong at the ports: who was turned away and why, and what nobody foresaw. One connection must never take the
// others with it, and no number of strangers fills a disk: the same again and again is counted, not written.

import { type DepotError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { networkOf } from '../socks/address.ts';
import { LineLimit, LINES_MS } from './line-limit.ts';

/** Somebody got no further than `port`. */
type OnTurnedAway = (port: string, from: string, error: DepotError) => void;

/** Of each port and code within a minute, in all and for one address (one /64 with IPv6). */
const LINES = 300;
const LINES_PER_ADDRESS = 10;

export class Incidents implements Disposable {
  readonly #log: Log;
  readonly #onTurnedAway: OnTurnedAway;
  readonly #limit: LineLimit;

  constructor(log: Log, onTurnedAway: OnTurnedAway) {
    this.#log = log;
    this.#onTurnedAway = onTurnedAway;
    this.#limit = new LineLimit({
      lines: LINES,
      linesPerSource: LINES_PER_ADDRESS,
      onMore: (kind, count) => {
        const [port, code] = kind.split(' ');
        log.info(
          { event: 'turned-away-more', port, code, count },
          `turned away ${count} more at ${port} within ${LINES_MS / 1000} s (${code})`,
        );
      },
    });
  }

  /** What a port is handed, to tell of those who are turned away there. */
  at(port: string): (from: string, error: DepotError) => void {
    return (from, error) => {
      const why = error.message;
      if (this.#limit.mayWrite(`${port} ${error.code}`, networkOf(from)))
        this.#log.info({ event: 'turned-away', port, from, why }, `turned away ${from}: ${why}`);
      this.#onTurnedAway(port, from, error);
    };
  }

  readonly unforeseen = (error: unknown): void =>
    this.#log.error({ event: 'unforeseen', error: messageOf(error) }, `unforeseen: ${messageOf(error)}`);

  watch(serving: Promise<void>): void {
    serving.catch(this.unforeseen);
  }

  /** Says what was not written yet. */
  [Symbol.dispose](): void {
    this.#limit[Symbol.dispose]();
  }
}
