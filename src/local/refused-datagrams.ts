// What the log hears of datagrams that may go nowhere: a line for each destination, and of many within a minute their
// number, for whoever sends them may name as many destinations as he likes.

import type { DepotError } from '../errors.ts';
import type { Log } from '../log.ts';
import { LineLimit, LINES_MS } from '../net/line-limit.ts';
import type { Address } from '../socks/address.ts';

/** Of each code within a minute, in all and for one host. */
const LINES = 300;
const LINES_PER_HOST = 10;

export class RefusedDatagrams implements Disposable {
  readonly #log: Log;
  readonly #limit: LineLimit;

  constructor(log: Log) {
    this.#log = log;
    this.#limit = new LineLimit({
      lines: LINES,
      linesPerSource: LINES_PER_HOST,
      onMore: (code, count) => {
        log.info(
          { event: 'datagrams-refused-more', code, count },
          `datagrams to ${count} more destinations are dropped within ${LINES_MS / 1000} s (${code})`,
        );
      },
    });
  }

  readonly add = ({ code, message }: DepotError, destination: Address): void => {
    if (this.#limit.mayWrite(code, destination.host))
      this.#log.info({ event: 'datagrams-refused', destination, code }, `datagrams are dropped: ${message}`);
  };

  /** Tells what was not written yet. */
  [Symbol.dispose](): void {
    this.#limit[Symbol.dispose]();
  }
}
