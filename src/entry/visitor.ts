// Somebody who has come to the door: one connection, from being accepted until its request is known.
// Owns the time that this may take and how a connection is left that comes to nothing; knows no protocol.

import type net from 'node:net';
import { DepotError } from '../errors.ts';
import { deadline } from '../net/dial.ts';
import { EarlyEndpoint } from '../net/early-endpoint.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { SocketEndpoint } from '../net/socket-endpoint.ts';
import { TlsEndpoint } from '../net/tls-endpoint.ts';
import { type Address, canonicalHost } from '../socks/address.ts';
import type { EntryOptions } from './options.ts';

/** How long a client that was refused may take to read why and to close. */
const LINGER_MS = 2000;

export interface VisitorEvents {
  /** It waits at the door: for its first request, or for another one. */
  readonly onWaiting: (visitor: Visitor) => void;
  /** It does not wait any more, whatever became of it. */
  readonly onSettled: (visitor: Visitor) => void;
}

export class Visitor {
  /** The client's IP address. */
  readonly from: string;
  /** What the client sends and is sent. */
  client: EarlyEndpoint;
  /** Whether that goes over TLS. */
  isSecure = false;
  /** Whether it was served already, and waits for another request. */
  isReturning = false;
  readonly #events: VisitorEvents;
  readonly #options: EntryOptions;
  readonly #plain: SocketEndpoint;
  readonly #socket: net.Socket;
  readonly #gone = new AbortController();
  #limit: ReturnType<typeof deadline>;

  constructor(accepted: net.Socket, options: EntryOptions, events: VisitorEvents) {
    this.#events = events;
    this.#options = options;
    this.from = canonicalHost(accepted.remoteAddress ?? '');
    this.#plain = SocketEndpoint.accept(accepted, options.share);
    this.#socket = this.#plain.socket;
    this.client = this.#early(this.#plain);
    this.#limit = this.#wait(options.settings.handshakeMs, 'the handshake took too long');
  }

  /** Our address on this connection, where the client reached us. */
  get reachedAt(): string {
    return canonicalHost(this.#socket.localAddress ?? '');
  }

  /** Aborts when the client goes away before its stream has begun. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Aborts when the time for the request is over, too. */
  get limit(): AbortSignal {
    return this.#limit.signal;
  }

  /** The address that it came in on. */
  get own(): Address {
    const { localAddress = '', localPort = 0 } = this.#socket;
    return { host: canonicalHost(localAddress), port: localPort };
  }

  /** From here on the client speaks through TLS. Rejects, the connection closed, where they do not understand each other. */
  async secure(): Promise<void> {
    const { tls, share } = this.#options;
    if (this.isSecure) throw new DepotError('malformed-request', 'TLS inside TLS');
    const socket = this.#plain.release(this.client.early);
    const secure = await tls.acceptor.accept(socket, this.limit);
    this.isSecure = true;
    this.client = this.#early(new TlsEndpoint(secure, socket, { pool: tls.pool, share }));
  }

  /** The request is known: its time is not limited any more. */
  admit(): void {
    this.#limit.clear();
    this.#events.onSettled(this);
  }

  /** The request was served, and another one may follow on the same connection, complete within `milliseconds`. */
  expectAnother(milliseconds: number): void {
    this.#limit.clear();
    this.isReturning = true;
    this.#limit = this.#wait(milliseconds, 'no other request came');
    this.limit.addEventListener('abort', () => this.destroy());
  }

  /** The last word was written: ends our side, reads on so that it arrives, and does not wait for ever. */
  seeOff(): void {
    this.client.end();
    this.linger();
  }

  /** The same, where our side was ended already. */
  linger(): void {
    this.admit();
    this.client.discard();
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** Ends the connection without another word. */
  destroy(): void {
    this.admit();
    this.#socket.destroy();
  }

  #early(endpoint: Endpoint): EarlyEndpoint {
    return new EarlyEndpoint(endpoint, (error) => this.#gone.abort(error));
  }

  #wait(milliseconds: number, why: string): ReturnType<typeof deadline> {
    this.#events.onWaiting(this);
    return deadline(milliseconds, () => new DepotError('timed-out', why), this.gone);
  }
}
