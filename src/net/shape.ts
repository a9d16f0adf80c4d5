// Slows an endpoint down to what its buckets allow, by letting go of bytes later: whoever gives them waits for `taken`,
// so the limit is felt at both ends, and nothing piles up. An endpoint without a limit is not wrapped at all.

import type { DepotError } from '../errors.ts';
import type { Bucket } from './bucket.ts';
import type { Endpoint, Sink } from './endpoint.ts';

/** Timers are no finer than this; what is owed less long passes, and the bucket remembers it. */
const LEAST_DELAY_MS = 1;

/** The buckets of one stream: what a client sends (`up`) and what it gets (`down`) are limited apart. */
export interface Limit {
  readonly up: Bucket;
  readonly down: Bucket;
}

class ShapedSink implements Sink {
  readonly #target: Sink;
  readonly #buckets: readonly Bucket[];
  #timer: NodeJS.Timeout | undefined;
  /** Not everything of a write was passed on yet. */
  #busy = false;
  #finish: (() => void) | undefined;

  constructor(target: Sink, buckets: readonly Bucket[]) {
    this.#target = target;
    this.#buckets = buckets;
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    const [slice, rest] = cut(chunks, this.#sliceBytes());
    const bytes = slice.reduce((sum, { length }) => sum + length, 0);
    const delayMs = Math.max(...this.#buckets.map((bucket) => bucket.reserve(bytes)));
    const isLast = rest.length === 0;
    this.#busy = true;
    const go = (): void => {
      this.#busy = !isLast;
      this.#target.write(slice, isLast ? taken : () => this.write(rest, taken));
      if (isLast) this.#finish?.();
    };
    if (delayMs < LEAST_DELAY_MS) go();
    else this.#wait(go, delayMs);
  }

  /** A FIN may come while bytes before it still wait. */
  end(flushed?: () => void): void {
    if (this.#busy) this.#finish = () => this.#target.end(flushed);
    else this.#target.end(flushed);
  }

  reset(error: DepotError): void {
    this.drop();
    this.#target.reset(error);
  }

  /** What waits will not be given any more. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#stopWaiting();
  }

  #wait(go: () => void, delayMs: number): void {
    for (const bucket of this.#buckets) bucket.waits();
    this.#timer = setTimeout(() => {
      this.#stopWaiting();
      go();
    }, delayMs);
  }

  #stopWaiting(): void {
    if (this.#timer === undefined) return;
    this.#timer = undefined;
    for (const bucket of this.#buckets) bucket.stopsWaiting();
  }

  #sliceBytes(): number {
    return Math.min(...this.#buckets.map(({ sliceBytes }) => sliceBytes));
  }
}

/** The first `bytes` of these, without copying, and what comes after. */
const cut = (chunks: readonly Uint8Array[], bytes: number): readonly [Uint8Array[], Uint8Array[]] => {
  const slice: Uint8Array[] = [];
  let room = bytes;
  for (const [index, chunk] of chunks.entries()) {
    if (chunk.length > room) {
      if (room > 0) slice.push(chunk.subarray(0, room));
      return [slice, [chunk.subarray(room), ...chunks.slice(index + 1)]];
    }
    slice.push(chunk);
    room -= chunk.length;
  }
  return [slice, []];
};

class ShapedEndpoint implements Endpoint {
  readonly #inner: Endpoint;
  readonly #into: ShapedSink;
  readonly #limits: readonly Limit[];
  #outOf: ShapedSink | undefined;

  constructor(inner: Endpoint, limits: readonly Limit[]) {
    this.#inner = inner;
    this.#limits = limits;
    this.#into = new ShapedSink(
      inner,
      limits.map(({ up }) => up),
    );
  }

  readInto(sink: Sink): void {
    const shaped = new ShapedSink(
      sink,
      this.#limits.map(({ down }) => down),
    );
    this.#outOf = shaped;
    this.#inner.readInto({
      write: (chunks, taken) => shaped.write(chunks, taken),
      end: (flushed) => shaped.end(flushed),
      reset: (error) => {
        this.#into.drop();
        shaped.reset(error);
      },
    });
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    this.#into.write(chunks, taken);
  }

  end(flushed?: () => void): void {
    this.#into.end(flushed);
  }

  reset(error: DepotError): void {
    this.#outOf?.drop();
    this.#into.reset(error);
  }
}

/** The same endpoint under these limits, each of which counts. */
export const shape = (endpoint: Endpoint, limits: readonly Limit[]): Endpoint =>
  limits.length === 0 ? endpoint : new ShapedEndpoint(endpoint, limits);
