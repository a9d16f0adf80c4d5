// A Node stream as an Endpoint: the app's end of a relay where no socket is, but something in this very program.

import type { Duplex } from 'node:stream';
import { asDepotError, DepotError } from '../errors.ts';
import type { Endpoint, Sink } from './endpoint.ts';

export class DuplexEndpoint implements Endpoint {
  readonly #stream: Duplex;
  #sink: Sink | undefined;
  #error: Error | undefined;
  #resetByUs = false;

  /** Takes the stream over: nobody else reads, writes or ends it from now on. */
  constructor(stream: Duplex) {
    this.#stream = stream.pause();
    stream.on('error', (error: Error) => {
      this.#error = error;
    });
    stream.on('close', () => this.#closed());
  }

  readInto(sink: Sink): void {
    const stream = this.#stream;
    this.#sink = sink;
    if (stream.destroyed) {
      this.#closed();
      return;
    }
    stream.on('data', (chunk: Uint8Array | string) => {
      stream.pause();
      sink.write([typeof chunk === 'string' ? Buffer.from(chunk) : chunk], () => stream.resume());
    });
    stream.on('end', () => sink.end());
    stream.resume();
  }

  /** Copied, for a stream does not say when it is done with the memory that it was given. */
  write(chunks: readonly Uint8Array[], taken: () => void): void {
    this.#stream.write(Buffer.concat(chunks), (error) => {
      if (!error) taken();
    });
  }

  end(flushed?: () => void): void {
    this.#stream.end((error?: Error | null) => {
      if (!error) flushed?.();
    });
  }

  reset(error: DepotError): void {
    this.#resetByUs = true;
    this.#stream.destroy(error);
  }

  #closed(): void {
    const clean = this.#stream.readableEnded && this.#stream.writableFinished;
    if (clean || this.#resetByUs) return;
    this.#sink?.reset(asDepotError(this.#error ?? new Error('the stream was destroyed'), 'aborted'));
  }
}
