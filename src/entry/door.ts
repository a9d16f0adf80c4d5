// The door for clients: looks at the first byte of whoever comes and hands the connection to the one who speaks that.
// Knows neither locals nor tunnels, and no user but through `authenticate`.

import type net from 'node:net';
import { asDepotError, DepotError } from '../errors.ts';
import { FrameType } from '../link/frames.ts';
import { orAborted } from '../net/dial.ts';
import { roomFor, WaitingRoom } from '../net/waiting-room.ts';
import { canonicalHost } from '../socks/address.ts';
import { HttpProxy } from './http.ts';
import type { EntryOptions } from './options.ts';
import { serveSocks4 } from './socks4.ts';
import { serveSocks5 } from './socks5.ts';
import { Visitor } from './visitor.ts';

/** The record type of TLS that a handshake begins with (RFC 8446, section 5.1) is 0x16. */
const FirstByte = { socks4: 0x04, socks5: 0x05, tls: 0x16, A: 0x41, Z: 0x5a } as const;

/** Whoever says nothing may take no more than this part of the descriptors that there are for clients. */
const STRANGERS_PART = 1 / 2;

export class Door {
  readonly #options: EntryOptions;
  readonly #http: HttpProxy;
  readonly #waiting: WaitingRoom;
  #closed = false;

  constructor(options: EntryOptions) {
    this.#options = options;
    this.#waiting = new WaitingRoom(roomFor(options.settings, options.descriptors, STRANGERS_PART));
    this.#http = new HttpProxy(options);
  }

  /** Serves one accepted socket until its request was answered; what runs then runs by itself. */
  async serve(accepted: net.Socket): Promise<void> {
    const refusal = this.#options.descriptors.refusal(accepted, 'stream');
    if (refusal !== undefined) {
      const from = canonicalHost(accepted.remoteAddress ?? '');
      accepted.resetAndDestroy();
      this.#waiting.makeRoom();
      this.#options.onTurnedAway?.(from, refusal);
      return;
    }
    const visitor = new Visitor(accepted, this.#options, {
      onWaiting: (waiting) => {
        this.#waiting.enter(waiting);
        if (this.#closed && waiting.isReturning) setImmediate(() => waiting.destroy());
      },
      onSettled: (settled) => this.#waiting.leave(settled),
    });
    try {
      await this.#letIn(visitor);
    } catch (error) {
      this.#options.onTurnedAway?.(visitor.from, asDepotError(error, 'malformed-request'));
      if (visitor.limit.aborted) visitor.destroy();
      else visitor.seeOff();
    }
  }

  /**
   * Nobody else will come. Whoever is in the middle of a request may finish it; who waits for a further one is ended.
   * Resolves when nobody waits any more.
   */
  drain(): Promise<void> {
    this.#closed = true;
    return this.#waiting.empty();
  }

  /** Ends everybody who has not made a request yet, and from now on whoever waits for a further one. */
  close(): void {
    this.#closed = true;
    this.#waiting.clear();
  }

  async #letIn(visitor: Visitor): Promise<void> {
    if (!(await orAborted(visitor.client.more(), visitor.limit)))
      throw new DepotError('malformed-request', 'the client closed before it said anything');
    const [first = -1] = visitor.client.early;
    if (first === FirstByte.socks5) await serveSocks5(visitor, this.#options);
    else if (first >= FirstByte.A && first <= FirstByte.Z) await this.#http.serve(visitor);
    else if (first === FirstByte.socks4) await serveSocks4(visitor, this.#options);
    else if (first === FirstByte.tls) {
      await visitor.secure();
      await this.#letIn(visitor);
    } else if (visitor.isSecure && first === FrameType.hello)
      throw new DepotError('malformed-request', 'a local or a client of depot, which has to go to the control port');
    else throw new DepotError('malformed-request', `a first byte ${first} that begins nothing we speak`);
  }
}
