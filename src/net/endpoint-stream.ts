// An endpoint as a Node stream, for the platform's HTTP parser. What the parser has no use for goes back:
// a tunnel that begins with a piece of HTTP goes on as an endpoint, as if there had been no stream around it.

import { Duplex } from 'node:stream';
import { asDepotError, DepotError } from '../errors.ts';
import type { EarlyEndpoint } from './early-endpoint.ts';

export class EndpointStream extends Duplex {
  #endpoint: EarlyEndpoint | undefined;

  /** Reads and writes `endpoint` until it is detached. Whoever knows that the endpoint was reset calls `destroy`. */
  constructor(endpoint: EarlyEndpoint) {
    super({ allowHalfOpen: true });
    this.#endpoint = endpoint;
  }

  /** The endpoint itself, with `head` and whatever was read and not used in front. This stream is of no use any more. */
  detach(head: Uint8Array): EarlyEndpoint {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) throw new DepotError('internal', 'an endpoint was detached twice');
    const rest = this.read() as Buffer | null;
    this.#endpoint = undefined;
    endpoint.unread(rest === null ? head : Buffer.concat([head, rest]));
    this.destroy();
    return endpoint;
  }

  override _read(): void {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return;
    if (endpoint.early.length > 0) {
      this.#pass(endpoint);
      return;
    }
    void endpoint.more().then((isMore) => {
      if (this.#endpoint === undefined || this.destroyed) return;
      if (isMore) this.#pass(endpoint);
      else this.push(null);
    });
  }

  #pass(endpoint: EarlyEndpoint): void {
    const bytes = endpoint.early;
    endpoint.consume(bytes.length);
    this.push(bytes);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#endpoint?.write([chunk], done);
  }

  override _writev(items: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#endpoint?.write(
      items.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#endpoint?.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    if (!(this.readableEnded && this.writableFinished))
      endpoint?.reset(asDepotError(error ?? new Error('the stream was destroyed'), 'aborted'));
    done(error);
  }
}
