// A token bucket as a clock of its own: it knows until when everything that passed so far is paid for. Smooth: a small
// credit and no more, so that a limit of a megabyte per second is that within each tenth of one, not in jumps.

/** What an idle bucket saves up: so much of its rate may pass at once. */
const BURST_MS = 50;

/** Below this a slice costs more than it smooths. */
const LEAST_SLICE_BYTES = 256;

/** Milliseconds that never go back. */
export type Clock = () => number;

export class Bucket {
  readonly #now: Clock;
  #bytesPerSecond: number;
  #paidAtMs = Number.NEGATIVE_INFINITY;
  #waiting = 0;

  constructor(bytesPerSecond: number, now: Clock = () => performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#now = now;
  }

  /** Counts for what is reserved from here on. Infinity lifts the limit. */
  set bytesPerSecond(rate: number) {
    this.#bytesPerSecond = rate;
  }

  /** The most that should be reserved at once, to stay smooth. */
  get sliceBytes(): number {
    return Math.max(LEAST_SLICE_BYTES, Math.floor((this.#bytesPerSecond * BURST_MS) / 1000));
  }

  /**
   * Whether something that does not wait may pass now. Alone it has to find everything paid for. Beside those who wait
   * it may owe as much as each of them, or they would leave it nothing; they find it before them as one of their own.
   */
  get hasRoom(): boolean {
    const sliceMs = Math.max(BURST_MS, (LEAST_SLICE_BYTES / this.#bytesPerSecond) * 1000);
    return this.#paidAtMs - this.#now() <= this.#waiting * sliceMs;
  }

  /** Somebody waits for what it has reserved; `stopsWaiting` has to follow. */
  waits(): void {
    this.#waiting += 1;
  }

  stopsWaiting(): void {
    this.#waiting -= 1;
  }

  /** Sets `bytes` apart. Returns how long they have to wait, in milliseconds; those who ask later wait longer. */
  reserve(bytes: number): number {
    const now = this.#now();
    const begin = Math.max(this.#paidAtMs, now - BURST_MS);
    this.#paidAtMs = begin + (bytes / this.#bytesPerSecond) * 1000;
    return Math.max(0, this.#paidAtMs - now);
  }
}
