// A token bucket as a clock of its own: it knows until when everything that passed so far is paid for. Smooth: a small
// credit and no more, so that a limit of a megabyte per second is that within each tenth of one, not in jumps.

/** What an idle bucket saves up: so much of its rate may pass at once. */
const BURST_MS = 50;

/** Milliseconds that never go back. */
export type Clock = () => number;

export class Bucket {
  readonly #now: Clock;
  #bytesPerSecond: number;
  #paidAtMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number, now: Clock = () => performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#now = now;
  }

  /** Counts for what is reserved from here on. Infinity lifts the limit. */
  set bytesPerSecond(rate: number) {
    this.#bytesPerSecond = rate;
  }

  /** The most that should be reserved at once, to stay smooth. */
  get burstBytes(): number {
    return (this.#bytesPerSecond * BURST_MS) / 1000;
  }

  /** Sets `bytes` apart. Returns how long they have to wait, in milliseconds; those who ask later wait longer. */
  reserve(bytes: number): number {
    const now = this.#now();
    const begin = Math.max(this.#paidAtMs, now - BURST_MS);
    this.#paidAtMs = begin + (bytes / this.#bytesPerSecond) * 1000;
    return Math.max(0, this.#paidAtMs - now);
  }
}
