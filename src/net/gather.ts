// Gathers what arrives in many small pieces into few large ones, in memory that is used again.
// A TLS record is at most 16 KiB, and the memory that it was decrypted into is wanted for the next one: so it is copied
// out at once, and an app gets one large write instead of many.

import type { BufferPool } from '../link/buffer-pool.ts';

/** What a stream gets that has little to say, so that thousands of stopped ones cost little. */
const SMALL_BYTES = 1024;
const NOTHING: readonly Uint8Array[] = [];

export class Gather {
  readonly #pool: BufferPool;
  #full: Uint8Array[] | undefined;
  #tail: Uint8Array | undefined;
  #tailBytes = 0;
  #bytes = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** What has been pushed and not taken. */
  get bytes(): number {
    return this.#bytes;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      this.#tail ??= this.#bytes === 0 && bytes.length <= SMALL_BYTES ? new Uint8Array(SMALL_BYTES) : this.#pool.take();
      const take = Math.min(bytes.length - at, this.#tail.length - this.#tailBytes);
      this.#tail.set(at === 0 && take === bytes.length ? bytes : bytes.subarray(at, at + take), this.#tailBytes);
      this.#tailBytes += take;
      this.#bytes += take;
      at += take;
      if (this.#tailBytes === this.#tail.length) this.#closeTail();
    }
  }

  /** Everything so far, in order. It stays the taker's until it is recycled. */
  take(): readonly Uint8Array[] {
    this.#closeTail();
    const taken = this.#full ?? NOTHING;
    this.#full = undefined;
    this.#bytes = 0;
    return taken;
  }

  recycle(taken: readonly Uint8Array[]): void {
    for (const { buffer } of taken) this.#pool.giveBack(buffer);
  }

  #closeTail(): void {
    if (this.#tail === undefined) return;
    (this.#full ??= []).push(this.#tail.subarray(0, this.#tailBytes));
    this.#tail = undefined;
    this.#tailBytes = 0;
  }
}
