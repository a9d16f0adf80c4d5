// What each user runs and uses: streams now, bytes this month. Counts beside the data path, from what the streams say
// of themselves, and writes to the store soon after a stream has ended and every few seconds while it runs.

import { type Log } from '../log.ts';
import type { StreamSnapshot } from '../net/streams.ts';
import { messageOf } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { splitUser } from './router.ts';

/** So much of a running stream is lost at most where the process is killed. */
const COUNT_MS = 2000;
/** Streams that end within this time are written together. */
const SOON_MS = 100;

export interface AccountsOptions {
  readonly store: Store;
  readonly log: Log;
  /** The streams that run now. */
  readonly streams: () => readonly StreamSnapshot[];
  /** Called after each count, with the users who run streams: the time to look whether they still may. */
  readonly onCounted: (users: readonly string[]) => void;
}

const monthOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 7);

export class Accounts {
  readonly #options: AccountsOptions;
  readonly #running = new Map<string, number>();
  /** Of each running stream, how many bytes were counted. */
  readonly #counted = new Map<number, number>();
  /** Counted, and not written yet. */
  readonly #unwritten = new Map<string, number>();
  readonly #used = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #month = monthOf(Date.now());
  /** Said once, not every two seconds. */
  #failing = false;
  #soon: NodeJS.Timeout | undefined;

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#count(), COUNT_MS);
  }

  started({ user }: StreamSnapshot): void {
    if (user === undefined) return;
    const { user: name } = splitUser(user);
    this.#running.set(name, this.running(name) + 1);
  }

  ended(stream: StreamSnapshot): void {
    if (stream.user === undefined) return;
    const { user: name } = splitUser(stream.user);
    const left = this.running(name) - 1;
    if (left > 0) this.#running.set(name, left);
    else this.#running.delete(name);
    this.#add(stream);
    this.#counted.delete(stream.id);
    this.#soon ??= setTimeout(() => this.write(), SOON_MS);
  }

  /** Streams of a user, begun and not ended. */
  running(user: string): number {
    return this.#running.get(user) ?? 0;
  }

  /** Bytes of a user in this month, as far as they were counted. */
  usedBytes(user: string): number {
    this.#turnMonth();
    const known = this.#used.get(user) ?? this.#options.store.usedBytes(user, this.#month);
    this.#used.set(user, known);
    return known + (this.#unwritten.get(user) ?? 0);
  }

  /** Somebody of this name may come again, and begins anew. */
  forget(user: string): void {
    this.#used.delete(user);
    this.#unwritten.delete(user);
  }

  /** Writes what was counted. What a full disk does not take is tried again. */
  write(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    if (this.#unwritten.size === 0) return;
    try {
      this.#options.store.addUsage(this.#month, this.#unwritten);
    } catch (error) {
      if (!this.#failing)
        this.#options.log.error({ event: 'store-failed' }, `cannot write what users have used: ${messageOf(error)}`);
      this.#failing = true;
      return;
    }
    this.#failing = false;
    this.#unwritten.clear();
    this.#used.clear();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#count();
  }

  #count(): void {
    for (const stream of this.#options.streams()) this.#add(stream);
    this.write();
    this.#options.onCounted([...this.#running.keys()]);
  }

  #add({ id, user, bytesUp, bytesDown }: StreamSnapshot): void {
    if (user === undefined) return;
    this.#turnMonth();
    const bytes = bytesUp + bytesDown;
    const more = bytes - (this.#counted.get(id) ?? 0);
    if (more === 0) return;
    this.#counted.set(id, bytes);
    const { user: name } = splitUser(user);
    this.#unwritten.set(name, (this.#unwritten.get(name) ?? 0) + more);
  }

  #turnMonth(): void {
    const month = monthOf(Date.now());
    if (month === this.#month) return;
    this.write();
    this.#month = month;
    this.#used.clear();
  }
}
