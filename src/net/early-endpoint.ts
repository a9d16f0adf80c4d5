// An endpoint whose first bytes are somebody's to look at (a handshake) before the rest belongs to a relay.
// What came early, its FIN and its abort included, is kept in order and delivered first; nothing is dropped.

import type { DepotError } from '../errors.ts';
import type { Endpoint, Sink } from './endpoint.ts';

/** How much may come before anybody wants it; then the socket is not read any further. */
const MAX_EARLY_BYTES = 64 * 1024;
const NOTHING = new Uint8Array();

export class EarlyEndpoint implements Endpoint {
  readonly #inner: Endpoint;
  #onReset: ((error: DepotError) => void) | undefined;
  #early: Uint8Array = NOTHING;
  #held: (() => void) | undefined;
  #sink: Sink | undefined;
  #wake: (() => void) | undefined;
  #error: DepotError | undefined;
  #ended = false;
  #discarding = false;

  /** `onReset` is called when the other side aborts before `readInto`. */
  constructor(inner: Endpoint, onReset: (error: DepotError) => void) {
    this.#inner = inner;
    this.#onReset = onReset;
    inner.readInto({
      write: (chunks, taken) => this.#arrived(chunks, taken),
      end: () => this.#onEnd(),
      reset: (error) => this.#onInnerReset(error),
    });
  }

  /** What has come and was not consumed. */
  get early(): Uint8Array {
    return this.#early;
  }

  consume(bytes: number): void {
    // An empty view would keep the memory that it looks at.
    this.#early = bytes === this.#early.length ? NOTHING : this.#early.subarray(bytes);
    if (this.#early.length < MAX_EARLY_BYTES) this.#release();
  }

  /** Puts back what was consumed and not used, in front of what came since. */
  unread(bytes: Uint8Array): void {
    this.#early = Buffer.concat([bytes, this.#early]);
  }

  /** Resolves true when there are more bytes, false when there will never be. */
  async more(): Promise<boolean> {
    const before = this.#early.length;
    while (this.#early.length === before && !this.#ended && this.#error === undefined) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      await woken.promise;
    }
    return this.#early.length > before;
  }

  /** Whatever still comes is read and thrown away: an answer reaches a peer only while its bytes are read. */
  discard(): void {
    this.#discarding = true;
    this.#early = NOTHING;
    this.#release();
  }

  readInto(sink: Sink): void {
    this.#sink = sink;
    this.#onReset = undefined;
    this.#flush(sink);
    if (this.#error !== undefined) sink.reset(this.#error);
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    this.#inner.write(chunks, taken);
  }

  end(flushed?: () => void): void {
    this.#inner.end(flushed);
  }

  reset(error: DepotError): void {
    this.#inner.reset(error);
  }

  /** The early bytes first; whatever comes then does not come by here any more. */
  #flush(sink: Sink): void {
    const early = this.#early;
    if (early.length > 0) {
      this.#early = NOTHING;
      sink.write([early], () => this.#flush(sink));
      return;
    }
    if (this.#error !== undefined) return;
    const ended = this.#ended;
    this.#inner.readInto(sink);
    this.#release();
    if (ended) sink.end();
  }

  #arrived(chunks: readonly Uint8Array[], taken: () => void): void {
    if (this.#discarding) {
      taken();
      return;
    }
    this.#early = Buffer.concat([this.#early, ...chunks]);
    if (this.#sink === undefined && this.#early.length < MAX_EARLY_BYTES) taken();
    else this.#held = taken;
    this.#wakeUp();
  }

  #onEnd(): void {
    this.#ended = true;
    this.#wakeUp();
  }

  #onInnerReset(error: DepotError): void {
    this.#error = error;
    if (this.#sink === undefined) this.#onReset?.(error);
    else this.#sink.reset(error);
    this.#wakeUp();
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
