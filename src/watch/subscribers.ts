// Everybody who watches, over server-sent events: first all there is, then what changes. Holds no queue of its own: who
// reads too slowly misses ticks and is told everything anew once it has caught up, and one that stays behind is dropped.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';

/** An unread backlog of this much means that somebody is behind. */
const BEHIND_BYTES = 1024 * 1024;
/** The beginning is not sent faster than it is read. */
const AHEAD_BYTES = 256 * 1024;
const DROPPED_AFTER_MS = 30_000;
/** Without any news this goes out, so that both sides know that the other is there. */
const SILENCE_MS = 15_000;
const MOST_SUBSCRIBERS = 50;

/** One event as it goes over the wire. */
export const encodeEvent = (event: string, data: unknown): string =>
  `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** The pieces of the beginning; the next one is made when there is room for it. */
export type Beginning = () => Iterable<string>;

class Subscriber {
  readonly #response: ServerResponse;
  readonly #beginning: Beginning;
  readonly #nowMs: () => number;
  #behindSinceMs: number | undefined;
  #lastMs: number;
  #restarting = false;

  constructor(response: ServerResponse, beginning: Beginning, nowMs: () => number) {
    this.#response = response;
    this.#beginning = beginning;
    this.#nowMs = nowMs;
    this.#lastMs = nowMs();
    void this.#begin();
  }

  async #begin(): Promise<void> {
    this.#restarting = true;
    for (const piece of this.#beginning()) {
      this.#write(piece);
      while (this.#response.writableLength > AHEAD_BYTES && !this.#response.destroyed) {
        await Promise.race([once(this.#response, 'drain'), once(this.#response, 'close')]).catch(() => undefined);
      }
      if (this.#response.destroyed) return;
      // Ten thousand streams are not put into words in one go.
      await turn();
    }
    this.#restarting = false;
  }

  #write(text: string): void {
    this.#lastMs = this.#nowMs();
    this.#response.write(text);
  }

  tick(text: string | undefined): void {
    const nowMs = this.#nowMs();
    if (this.#behindSinceMs === undefined && this.#response.writableLength > BEHIND_BYTES) this.#behindSinceMs = nowMs;
    if (this.#behindSinceMs === undefined) {
      if (text !== undefined) this.#write(text);
      else if (nowMs - this.#lastMs > SILENCE_MS) this.#write(': still here\n\n');
    } else if (this.#response.writableLength === 0 && !this.#restarting) {
      this.#behindSinceMs = undefined;
      void this.#begin();
    } else if (nowMs - this.#behindSinceMs > DROPPED_AFTER_MS) this.#response.destroy();
  }

  end(): void {
    this.#response.end();
  }
}

export class Subscribers {
  readonly #subscribers = new Set<Subscriber>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#subscribers.size;
  }

  /** False where there are too many already. `signal` ends it from our side. */
  add(response: ServerResponse, beginning: Beginning, signal?: AbortSignal): boolean {
    if (this.#subscribers.size >= MOST_SUBSCRIBERS) return false;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      // A proxy in between must not save it up.
      'X-Accel-Buffering': 'no',
    });
    response.write('retry: 2000\n\n');
    const subscriber = new Subscriber(response, beginning, this.#nowMs);
    this.#subscribers.add(subscriber);
    const end = (): void => subscriber.end();
    signal?.addEventListener('abort', end);
    response.on('error', () => undefined);
    response.once('close', () => {
      signal?.removeEventListener('abort', end);
      this.#subscribers.delete(subscriber);
    });
    return true;
  }

  /** The same words for everybody; undefined where there is nothing to say. */
  tick(text: string | undefined): void {
    for (const subscriber of this.#subscribers) subscriber.tick(text);
  }

  endAll(): void {
    for (const subscriber of this.#subscribers) subscriber.end();
  }
}
