// Somebody who has come to the door: one connection, from being accepted until its request is known.
// Owns the time that this may take and how a connection is left that comes to nothing; knows no protocol.

import type net from 'node:net';
import { DepotError } from '../errors.ts';
import { deadline } from '../net/dial.ts';
import { EarlyEndpoint } from '../net/early-endpoint.ts';
import { SocketEndpoint } from '../net/socket-endpoint.ts';
import { canonicalHost } from '../socks/address.ts';
import type { EntryOptions } from './options.ts';

/** How long a client that was refused may take to read why and to close. */
const LINGER_MS = 2000;

export class Visitor {
  /** The client's IP address. */
  readonly from: string;
  /** What the client sends and is sent. */
  readonly client: EarlyEndpoint;
  readonly #onAdmitted: (visitor: Visitor) => void;
  readonly #socket: net.Socket;
  readonly #gone = new AbortController();
  readonly #limit: ReturnType<typeof deadline>;

  /** `onAdmitted` is called when it does not wait at the door any more, whatever became of it. */
  constructor(accepted: net.Socket, { share, handshakeMs }: EntryOptions, onAdmitted: (visitor: Visitor) => void) {
    this.#onAdmitted = onAdmitted;
    this.from = canonicalHost(accepted.remoteAddress ?? '');
    const inner = SocketEndpoint.accept(accepted, share);
    this.#socket = inner.socket;
    this.client = new EarlyEndpoint(inner, (error) => this.#gone.abort(error));
    const tooLate = (): DepotError => new DepotError('timed-out', 'the handshake took too long');
    this.#limit = deadline(handshakeMs, tooLate, this.#gone.signal);
  }

  /** Aborts when the client goes away before its stream has begun. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Aborts when the time for the handshake is over, too. */
  get limit(): AbortSignal {
    return this.#limit.signal;
  }

  /** The request is known: its time is not limited any more. */
  admit(): void {
    this.#limit.clear();
    this.#onAdmitted(this);
  }

  /** The last word was written: ends our side, reads on so that it arrives, and does not wait for ever. */
  seeOff(): void {
    this.admit();
    this.client.discard();
    this.client.end();
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** Ends the connection without another word. */
  destroy(): void {
    this.admit();
    this.#socket.destroy();
  }
}
