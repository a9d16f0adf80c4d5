// Credit windows: how much a sender may send before the receiver has passed it on.
// A receiver's window starts small and grows while its reader keeps up; a stopped reader holds little, and what a slow one
// does not need is taken back. Pure.

import { BufferPool } from './buffer-pool.ts';
import { INITIAL_WINDOW_BYTES } from './frames.ts';

/**
 * What the streams of a process share: a bound for all grown windows together, and the buffers that arriving bytes are
 * gathered in. Hand the same one to every stream.
 */
export class WindowBudget {
  readonly pool = new BufferPool();
  /** Windows that are grown already keep what they have where it becomes less. */
  limitBytes: number;
  #takenBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  take(bytes: number): boolean {
    if (this.#takenBytes + bytes > this.limitBytes) return false;
    this.#takenBytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
  }
}

/** What the streams of a tunnel may hold; read when it is needed. */
export interface WindowOptions {
  /** The largest that the window may grow to, in bytes. */
  readonly maxBytes: number;
  /** How many bytes of datagrams may wait to leave, per association: there is no window for them. */
  readonly datagramBytes: number;
  readonly budget: WindowBudget;
}

/** A round trip counts as this long where it is shorter. */
const SHORTEST_ROUND_MS = 10;
/** A line with a shorter round trip is near: it needs no larger window, only busy processes like one. */
const FAR_MS = 5;
/**
 * More than the kernel's buffers take for a reader that has stopped: up to 4 MiB here with its bookkeeping, and little
 * there, for what is not read makes no buffer grow. They take it as fast as any reader, so on a near line only who has
 * passed on more is known to read.
 */
const PROOF_BYTES = 8 * 1024 * 1024;
/** A window that is so many times what its reader passes on per round trip is more than it needs, and half that is plenty. */
const PLENTY_ROUNDS = 16;
/** Less is not worth a frame. */
const LEAST_GRANT_BYTES = 64 * 1024;

/** The receiving side of one stream. */
export class ReceiveWindow {
  readonly #options: Pick<WindowOptions, 'maxBytes' | 'budget'>;
  #sizeBytes = INITIAL_WINDOW_BYTES;
  /** What the sender may still send. */
  #creditBytes = INITIAL_WINDOW_BYTES;
  /** Passed on since the last grant. */
  #consumedBytes = 0;
  /** Passed on in all. */
  #passedBytes = 0;
  #grantedAtMs: number;

  constructor(options: Pick<WindowOptions, 'maxBytes' | 'budget'>, nowMs: number) {
    this.#options = options;
    this.#grantedAtMs = nowMs;
  }

  /** The sender sent this much. False where that is more than it was granted. */
  received(bytes: number): boolean {
    this.#creditBytes -= bytes;
    return this.#creditBytes >= 0;
  }

  /**
   * This much was passed on. Returns the bytes to grant now, 0 for none yet: small grants, so that the sender has no
   * reason to send in bursts. A reader that passes on more than a quarter of the window per round trip keeps up, and
   * the window grows to four times its size: ahead of TCP's own slow start, which doubles, so that only the line sets
   * the pace. On a near line it does so only after `PROOF_BYTES`. A reader that has let half the window fill, and passes
   * on no more than a sixteenth of it per round trip, does not need it: then less is granted than was passed on. What
   * was granted stays granted, so a reader that has stopped altogether keeps what lies here.
   *
   * `roundTripMs` is that of now, with whatever waits on the way; `lineMs` the shortest that was seen, the line's own.
   */
  consumed(bytes: number, nowMs: number, roundTripMs: number, lineMs: number): number {
    this.#consumedBytes += bytes;
    this.#passedBytes += bytes;
    if (this.#consumedBytes < Math.max(LEAST_GRANT_BYTES, this.#sizeBytes / 8)) return 0;
    const rounds = (nowMs - this.#grantedAtMs) / Math.max(roundTripMs, SHORTEST_ROUND_MS);
    const grant = this.#consumedBytes + this.#growth(rounds, lineMs) - this.#excess(rounds);
    this.#sizeBytes += grant - this.#consumedBytes;
    this.#creditBytes += grant;
    this.#consumedBytes = 0;
    this.#grantedAtMs = nowMs;
    return grant;
  }

  /** How much the window becomes larger by, taken from the budget. */
  #growth(rounds: number, lineMs: number): number {
    const { maxBytes, budget } = this.#options;
    const mayGrow = lineMs >= FAR_MS || this.#passedBytes >= PROOF_BYTES;
    const keepsUp = mayGrow && this.#consumedBytes >= (rounds * this.#sizeBytes) / 4;
    const growth = Math.min(this.#sizeBytes * 3, maxBytes - this.#sizeBytes);
    return keepsUp && growth > 0 && budget.take(growth) ? growth : 0;
  }

  /** How much it becomes smaller by, given back to the budget: no more than was passed on, for the rest is promised. */
  #excess(rounds: number): number {
    const { maxBytes, budget } = this.#options;
    const perRoundBytes = this.#consumedBytes / rounds;
    const isSlow =
      this.#sizeBytes - this.#creditBytes >= this.#sizeBytes / 2 && perRoundBytes * PLENTY_ROUNDS < this.#sizeBytes;
    const enoughBytes = isSlow ? Math.max(this.#sizeBytes / 2, (perRoundBytes * PLENTY_ROUNDS) / 2) : maxBytes;
    const least = Math.ceil(Math.max(INITIAL_WINDOW_BYTES, Math.min(maxBytes, enoughBytes)));
    const excess = Math.max(0, Math.min(this.#consumedBytes, this.#sizeBytes - least));
    budget.giveBack(excess);
    return excess;
  }

  /** The stream is over: what the window grew by is there for others. */
  close(): void {
    this.#options.budget.giveBack(this.#sizeBytes - INITIAL_WINDOW_BYTES);
    this.#sizeBytes = INITIAL_WINDOW_BYTES;
  }
}
