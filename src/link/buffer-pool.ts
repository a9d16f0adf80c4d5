// Large buffers that are used again, so that gigabytes pass through a few of them. Pure.

/** The size of a gathering buffer. */
const LARGE_BYTES = 64 * 1024;
/** How many free buffers a pool keeps. */
const KEPT = 64;

/** Free buffers of one size. */
export class BufferPool {
  readonly #free: Uint8Array[] = [];

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(Buffer.allocUnsafeSlow(LARGE_BYTES).buffer);
  }

  giveBack(buffer: ArrayBufferLike): void {
    if (buffer.byteLength === LARGE_BYTES && this.#free.length < KEPT) this.#free.push(new Uint8Array(buffer));
  }
}
