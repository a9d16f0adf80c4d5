// Credit windows: how much a sender may send before the receiver has passed it on.
// A receiver's window starts small and doubles while its reader keeps up; a stopped reader holds little. Pure.

import { BufferPool } from './buffer-pool.ts';
import { INITIAL_WINDOW_BYTES } from './frames.ts';

/**
 * What the streams of a process share: a bound for all grown windows together, and the buffers that arriving bytes are
 * gathered in. Hand the same one to every stream.
 */
export class WindowBudget {
  readonly pool = new BufferPool();
  #freeBytes: number;

  constructor(limitBytes: number) {
    this.#freeBytes = limitBytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

/** What the streams of a tunnel may hold. */
export interface WindowOptions {
  /** The largest that the window may grow to, in bytes. */
  readonly maxBytes: number;
  /** How many bytes of datagrams may wait to leave, per association: there is no window for them. */
  readonly datagramBytes: number;
  readonly budget: WindowBudget;
}

/** A reader this fast fills half a window within this time even where the round trip is shorter. */
const SHORTEST_ROUND_MS = 10;

/** The receiving side of one stream. */
export class ReceiveWindow {
  readonly #options: Pick<WindowOptions, 'maxBytes' | 'budget'>;
  #sizeBytes = INITIAL_WINDOW_BYTES;
  /** What the sender may still send. */
  #creditBytes = INITIAL_WINDOW_BYTES;
  /** Passed on since the last grant. */
  #consumedBytes = 0;
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
   * This much was passed on. Returns the bytes to grant now, 0 for none yet.
   * Half a window consumed within one round trip means that the window, not the reader, sets the pace: it doubles.
   */
  consumed(bytes: number, nowMs: number, roundTripMs: number): number {
    this.#consumedBytes += bytes;
    if (this.#consumedBytes < this.#sizeBytes / 2) return 0;
    const elapsedMs = nowMs - this.#grantedAtMs;
    let grant = this.#consumedBytes;
    const growth = Math.min(this.#sizeBytes, this.#options.maxBytes - this.#sizeBytes);
    if (elapsedMs <= Math.max(roundTripMs, SHORTEST_ROUND_MS) && growth > 0 && this.#options.budget.take(growth)) {
      this.#sizeBytes += growth;
      grant += growth;
    }
    this.#creditBytes += grant;
    this.#consumedBytes = 0;
    this.#grantedAtMs = nowMs;
    return grant;
  }

  /** The stream is over: what the window grew by is there for others. */
  close(): void {
    this.#options.budget.giveBack(this.#sizeBytes - INITIAL_WINDOW_BYTES);
    this.#sizeBytes = INITIAL_WINDOW_BYTES;
  }
}
