// The door for clients: looks at the first byte of whoever comes and hands the connection to the one who speaks that.
// Knows neither locals nor tunnels, and no user but through `authenticate`.

import type net from 'node:net';
import { DepotError, messageOf } from '../errors.ts';
import { orAborted } from '../net/dial.ts';
import type { EntryOptions } from './options.ts';
import { serveSocks5 } from './socks5.ts';
import { Visitor } from './visitor.ts';

type Serve = (visitor: Visitor, options: EntryOptions) => Promise<void>;

const SOCKS5 = 0x05;

/** Who speaks what begins with this byte. */
const speakerOf = (firstByte: number | undefined): Serve => {
  if (firstByte === SOCKS5) return serveSocks5;
  throw new DepotError('malformed-request', `a first byte ${firstByte} instead of SOCKS5`);
};

export class Door {
  readonly #options: EntryOptions;
  readonly #waiting = new Set<Visitor>();

  constructor(options: EntryOptions) {
    this.#options = options;
  }

  /** Serves one accepted socket to its end. */
  async serve(accepted: net.Socket): Promise<void> {
    const visitor = new Visitor(accepted, this.#options, (admitted) => this.#waiting.delete(admitted));
    this.#waiting.add(visitor);
    try {
      await this.#letIn(visitor);
    } catch (error) {
      this.#options.onTurnedAway?.(visitor.from, messageOf(error));
      if (visitor.limit.aborted) visitor.destroy();
      else visitor.seeOff();
    }
  }

  /** Ends everybody who has not made a request yet. */
  close(): void {
    for (const visitor of this.#waiting) visitor.destroy();
  }

  async #letIn(visitor: Visitor): Promise<void> {
    if (!(await orAborted(visitor.client.more(), visitor.limit)))
      throw new DepotError('malformed-request', 'the client closed before it said anything');
    await speakerOf(visitor.client.early[0])(visitor, this.#options);
  }
}
