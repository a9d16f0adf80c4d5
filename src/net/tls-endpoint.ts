// A TLS connection of a client as an Endpoint, with the same promises as a plain socket: what comes waits in bounded
// memory until it is taken, each direction ends on its own, an abort is an abort.
//
// One thing TLS would promise and Node does not tell: whether the client ended with close_notify or with a bare FIN.
// Both count as its end, as they do in most servers; what it sends is its own to vouch for.

import type net from 'node:net';
import type tls from 'node:tls';
import { DepotError, errnoOf } from '../errors.ts';
import type { BufferPool } from '../link/buffer-pool.ts';
import type { Endpoint, Sink } from './endpoint.ts';
import type { FairShare } from './fair-share.ts';
import { Inflow, type InflowOwner } from './inflow.ts';
import { readTls } from './private-reads.ts';

/** How much decrypted data may wait before the connection is not read any further. */
const MAX_WAITING_BYTES = 64 * 1024;

export interface TlsEndpointOptions {
  readonly pool: BufferPool;
  readonly share: FairShare;
}

export class TlsEndpoint implements Endpoint, InflowOwner {
  readonly #secure: tls.TLSSocket;
  readonly #raw: net.Socket;
  readonly #share: FairShare;
  readonly #incoming: Inflow;
  #sink: Sink | undefined;
  #isRead = false;
  #resetByUs = false;
  #error: Error | undefined;

  /** Of a TLS socket that nobody has read yet, and of the TCP socket under it. */
  constructor(secure: tls.TLSSocket, raw: net.Socket, { pool, share }: TlsEndpointOptions) {
    this.#secure = secure;
    this.#raw = raw;
    this.#share = share;
    this.#incoming = new Inflow(pool, this);
    secure.on('end', () => this.#incoming.end());
    secure.on('error', (error: Error) => {
      this.#error = error;
    });
    secure.on('close', () => this.#closed());
  }

  readInto(sink: Sink): void {
    this.#sink = sink;
    this.#incoming.into(sink);
    if (this.#secure.destroyed) this.#closed();
    else if (!this.#isRead) readTls(this.#secure, (bytes) => this.#arrived(bytes));
    this.#isRead = true;
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    const last = chunks.length - 1;
    this.#secure.cork();
    chunks.forEach((chunk, index) =>
      this.#secure.write(
        chunk,
        index < last
          ? undefined
          : (error) => {
              if (!error) taken();
            },
      ),
    );
    this.#secure.uncork();
  }

  /** close_notify, then FIN. */
  end(flushed?: () => void): void {
    this.#secure.end((error?: Error | null) => {
      if (!error) flushed?.();
    });
  }

  reset(_error: DepotError): void {
    if (this.#resetByUs) return;
    this.#resetByUs = true;
    this.#incoming.drop();
    // While a FIN is on its way, libuv refuses to reset. It may stand behind data that the client does not read, so there
    // is no waiting for it: to close with bytes unsent is as good, the client misses the close_notify.
    if (this.#secure.writableEnded && !this.#secure.writableFinished) this.#raw.destroy();
    else this.#raw.resetAndDestroy();
    this.#secure.destroy();
  }

  /** What was taken makes room for more, when it is our turn. */
  passedOn(bytes: number): void {
    this.#share.admit(bytes, this.#reader);
  }

  readonly #reader = {
    resume: (): void => {
      if (this.#incoming.waitingBytes < MAX_WAITING_BYTES && !this.#incoming.finArrived) this.#secure.resume();
      this.#incoming.deliver();
    },
  };

  #arrived(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
    if (this.#incoming.waitingBytes >= MAX_WAITING_BYTES) this.#secure.pause();
  }

  #closed(): void {
    const clean = this.#incoming.finArrived && this.#secure.writableFinished;
    if (clean || this.#resetByUs) return;
    const errno = errnoOf(this.#error);
    this.#sink?.reset(
      new DepotError('aborted', `the connection ended early${errno === undefined ? '' : ` (${errno})`}`, {
        cause: this.#error,
      }),
    );
  }
}
