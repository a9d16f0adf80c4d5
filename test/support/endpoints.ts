// Ends of streams for tests: a sink that remembers, an endpoint without a socket, and a source that feeds one.

import { createHash, randomBytes } from 'node:crypto';
import type { DepotError } from '../../src/errors.ts';
import type { Endpoint, Sink } from '../../src/net/endpoint.ts';

export const sha256 = (...parts: readonly Uint8Array[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** Everybody's callbacks and all that waits in the loop has had its turn, a few times over. */
export const turns = async (count = 5): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** Remembers what comes. Takes at once, or with `hold` only when it is told. Two writes at a time are a fault. */
export class Collector implements Sink {
  readonly chunks: Uint8Array[] = [];
  /** What happened, in order. */
  readonly log: ('write' | 'end' | 'reset')[] = [];
  readonly #end: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #reset: PromiseWithResolvers<DepotError> = Promise.withResolvers();
  readonly #hold: boolean;
  readonly #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];
  #held: (() => void) | undefined;
  bytes = 0;

  constructor({ hold = false }: { readonly hold?: boolean } = {}) {
    this.#hold = hold;
  }

  get ended(): Promise<void> {
    return this.#end.promise;
  }

  get wasReset(): Promise<DepotError> {
    return this.#reset.promise;
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  get holds(): boolean {
    return this.#held !== undefined;
  }

  /** Resolves once so many bytes have come in all. */
  async until(bytes: number): Promise<void> {
    if (this.bytes >= bytes) return;
    const come = Promise.withResolvers<void>();
    this.#waiting.push({ bytes, resolve: come.resolve });
    await come.promise;
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    if (this.#held !== undefined) throw new Error('a second write before the first one was taken');
    this.log.push('write');
    for (const chunk of chunks) {
      this.chunks.push(Uint8Array.from(chunk));
      this.bytes += chunk.length;
    }
    if (this.#hold) this.#held = taken;
    else taken();
    for (const { bytes, resolve } of this.#waiting) if (this.bytes >= bytes) resolve();
  }

  /** Takes what was held. */
  take(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  end(flushed?: () => void): void {
    this.log.push('end');
    this.#end.resolve();
    flushed?.();
  }

  reset(error: DepotError): void {
    this.log.push('reset');
    this.#reset.resolve(error);
  }
}

/** An endpoint without a socket: what is written to it is collected, what comes out of it is what the test gives. */
export class FakeEndpoint extends Collector implements Endpoint {
  #sink: Sink | undefined;

  get sink(): Sink {
    if (this.#sink === undefined) throw new Error('nobody reads from this endpoint');
    return this.#sink;
  }

  readInto(sink: Sink): void {
    this.#sink = sink;
  }

  /** Gives `text` to the reader. Resolves when it was taken. */
  give(text: string): Promise<void> {
    return new Promise((resolve) => this.sink.write([Buffer.from(text)], resolve));
  }
}

/** Writes `data` in pieces, each one when the one before was taken, and then ends. Overwrites what was taken. */
export const feed = async (target: Sink, data: Uint8Array, pieceBytes: number): Promise<void> => {
  for (let at = 0; at < data.length; at += pieceBytes) {
    const piece = Uint8Array.from(data.subarray(at, at + pieceBytes));
    const middle = piece.length >> 1;
    await new Promise<void>((resolve) => target.write([piece.subarray(0, middle), piece.subarray(middle)], resolve));
    piece.fill(0xee);
  }
  target.end();
};

export const randomData = (bytes: number): Uint8Array => randomBytes(bytes);
