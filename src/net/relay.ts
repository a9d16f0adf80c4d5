// Joins two endpoints until both directions have ended. Counts, ends, aborts; knows nothing of what it joins.

import { DepotError } from '../errors.ts';
import type { Endpoint, Sink } from './endpoint.ts';

class Direction implements Sink {
  readonly #target: Sink;
  readonly #onEnd: () => void;
  readonly #onReset: (error: DepotError) => void;
  bytes = 0;
  ended = false;

  constructor(target: Sink, onEnd: () => void, onReset: (error: DepotError) => void) {
    this.#target = target;
    this.#onEnd = onEnd;
    this.#onReset = onReset;
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    for (const chunk of chunks) this.bytes += chunk.length;
    this.#target.write(chunks, taken);
  }

  end(): void {
    this.#target.end(() => {
      this.ended = true;
      this.#onEnd();
    });
  }

  reset(error: DepotError): void {
    this.#target.reset(error);
    this.#onReset(error);
  }
}

/** One running relay. "Up" is from the client to the app; bytes are counted live. */
export class Relay {
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #ends: readonly [Endpoint, Endpoint];
  readonly #settle: PromiseWithResolvers<DepotError | undefined> = Promise.withResolvers();
  /** Bytes are never dropped; only datagrams are. */
  readonly dropped = 0;

  constructor(client: Endpoint, app: Endpoint) {
    const onEnd = (): void => {
      if (this.#up.ended && this.#down.ended) this.#settle.resolve(undefined);
    };
    const onReset = (error: DepotError): void => this.#settle.resolve(error);
    this.#ends = [client, app];
    this.#up = new Direction(app, onEnd, onReset);
    this.#down = new Direction(client, onEnd, onReset);
    client.readInto(this.#up);
    app.readInto(this.#down);
  }

  get bytesUp(): number {
    return this.#up.bytes;
  }

  get bytesDown(): number {
    return this.#down.bytes;
  }

  /** Resolves when both directions have ended and left this process: undefined, or why the stream was aborted. Never rejects. */
  get ended(): Promise<DepotError | undefined> {
    return this.#settle.promise;
  }

  /** Aborts both ends. */
  abort(error: DepotError): void {
    for (const end of this.#ends) end.reset(error);
    this.#settle.resolve(error);
  }
}
