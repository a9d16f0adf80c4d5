// The client's end of a relay as a Node stream: what is written to it goes to the app, what the app sends is read from
// it. For whoever speaks the app's protocol himself, as the HTTP proxy does.

import { Duplex } from 'node:stream';
import { asDepotError, DepotError } from '../errors.ts';
import type { Endpoint, Sink } from './endpoint.ts';

export class AppStream extends Duplex {
  /** What the relay takes for the client. */
  readonly endpoint: Endpoint = {
    readInto: (sink) => this.#begin(sink),
    write: (chunks, taken) => this.#arrived(chunks, taken),
    end: (flushed) => {
      this.push(null);
      flushed?.();
    },
    reset: (error) => {
      this.#resetByRelay = true;
      this.destroy(error);
    },
  };
  #sink: Sink | undefined;
  #begun: (() => void) | undefined;
  #held: (() => void) | undefined;
  #resetByRelay = false;

  constructor() {
    super({ allowHalfOpen: true });
  }

  #begin(sink: Sink): void {
    this.#sink = sink;
    if (this.destroyed) sink.reset(new DepotError('aborted', 'the client went away'));
    this.#begun?.();
  }

  /** Their memory is the relay's, and a Node stream does not say when it is done with it: so they are copied. */
  #arrived(chunks: readonly Uint8Array[], taken: () => void): void {
    if (this.push(Buffer.concat(chunks))) taken();
    else this.#held = taken;
  }

  override _read(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(() => this.#sink?.write([chunk], done));
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send(() => this.#sink?.end(done));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const clean = this.readableEnded && this.writableFinished;
    if (!clean && !this.#resetByRelay)
      this.#sink?.reset(asDepotError(error ?? new Error('the client went away'), 'aborted'));
    done(error);
  }

  /** What is written before the relay begins waits for it. */
  #send(action: () => void): void {
    if (this.#sink === undefined) this.#begun = action;
    else action();
  }
}
