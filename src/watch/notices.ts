// Tells somebody elsewhere that a local went away or came back: a webhook, signed, tried again when it fails. What it
// comes to is nobody's business here: nothing waits for it, and what cannot be told is dropped and logged.

import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

export interface Notice {
  readonly event: 'local-down' | 'local-up';
  readonly local: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Why it is away; the address that it came back from. */
  readonly detail: string;
}

export interface NoticesOptions {
  readonly url: string;
  readonly secret: string | undefined;
  /** A local that is back by then was never away, in milliseconds. */
  readonly afterMs: () => number;
  readonly log: Log;
  /** Pauses between attempts in milliseconds; as many as there are further attempts. */
  readonly pausesMs?: readonly number[];
}

const PAUSES_MS: readonly number[] = [1000, 5000, 30_000, 120_000, 600_000];
const ATTEMPT_MS = 10_000;
const MOST_WAITING = 100;

/** `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`, so that nobody can send an old notice again as a new one. */
export const signatureOf = (secret: string, seconds: number, body: string): string =>
  `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;

export class Notices implements Disposable {
  readonly #options: NoticesOptions;
  /** Locals that went away a moment ago. */
  readonly #leaving = new Map<string, NodeJS.Timeout>();
  /** Locals whose absence was told. */
  readonly #away = new Set<string>();
  readonly #queue: Notice[] = [];
  readonly #stop = new AbortController();
  #sending = false;

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  down(local: string, detail: string): void {
    if (this.#away.has(local) || this.#leaving.has(local) || this.#stop.signal.aborted) return;
    const at = Date.now();
    const tell = (): void => {
      this.#leaving.delete(local);
      this.#away.add(local);
      this.#add({ event: 'local-down', local, at, detail });
    };
    this.#leaving.set(local, setTimeout(tell, this.#options.afterMs()).unref());
  }

  up(local: string, detail: string): void {
    clearTimeout(this.#leaving.get(local));
    this.#leaving.delete(local);
    if (this.#away.delete(local)) this.#add({ event: 'local-up', local, at: Date.now(), detail });
  }

  /** What was not told yet is not told any more. */
  [Symbol.dispose](): void {
    this.#stop.abort();
    for (const timer of this.#leaving.values()) clearTimeout(timer);
    this.#leaving.clear();
  }

  #add(notice: Notice): void {
    if (this.#queue.length >= MOST_WAITING) this.#drop(this.#queue.shift(), 'too many wait');
    this.#queue.push(notice);
    if (!this.#sending) void this.#send();
  }

  /** One after the other, so that they arrive in order. */
  async #send(): Promise<void> {
    this.#sending = true;
    for (let notice = this.#queue.shift(); notice !== undefined; notice = this.#queue.shift()) {
      const failure = await this.#deliver(notice);
      if (failure !== undefined) this.#drop(notice, failure);
    }
    this.#sending = false;
  }

  /** Why it could not be delivered; undefined where it was. */
  async #deliver(notice: Notice): Promise<string | undefined> {
    const { pausesMs = PAUSES_MS } = this.#options;
    const body = JSON.stringify(notice);
    for (let attempt = 0; ; attempt += 1) {
      const failure = await this.#attempt(body);
      const pauseMs = pausesMs[attempt];
      if (failure === undefined || pauseMs === undefined || this.#stop.signal.aborted) return failure;
      await sleep(pauseMs, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
    }
  }

  async #attempt(body: string): Promise<string | undefined> {
    const { url, secret } = this.#options;
    const signature =
      secret === undefined ? {} : { 'Depot-Signature': signatureOf(secret, Math.floor(Date.now() / 1000), body) };
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...signature },
        body,
        redirect: 'error',
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(ATTEMPT_MS)]),
      });
      await response.body?.cancel();
      return response.ok ? undefined : `it answered ${response.status}`;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** The URL may hold a secret, so it is not repeated. */
  #drop(notice: Notice | undefined, why: string): void {
    if (notice === undefined || this.#stop.signal.aborted) return;
    const { event, local } = notice;
    this.#options.log.warn(
      { event: 'notice-failed', notice: event, local, why },
      `the webhook was not told of ${event} of ${local}: ${why}`,
    );
  }
}
