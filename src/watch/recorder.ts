// Keeps the streams that ended: in memory until they are written, a batch at a time, so that no stream waits for it.
// A disk that is full, or a history that cannot be opened, costs history and nothing else.

import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { StreamEnd } from '../net/streams.ts';
import type { HistoryStore, PastStream, UsageKind, UsageRow } from '../store/history.ts';

/** How many can be shown while nothing is written. */
const KEPT_IN_MEMORY = 1000;
/** The most that one batch writes (about 2 ms); when more have ended, the newest count. */
const BATCH = 400;

export class Recorder {
  readonly #history: HistoryStore | undefined;
  readonly #log: Log;
  /** The newest, oldest first. */
  readonly #newest: PastStream[] = [];
  #lastSeq: number;
  #writtenSeq: number;
  #failing = false;

  constructor(history: HistoryStore | undefined, log: Log) {
    this.#history = history;
    this.#log = log;
    this.#lastSeq = history?.lastSeq() ?? 0;
    this.#writtenSeq = this.#lastSeq;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  add({ id, user, from, target, local, startedAt, connectMs, bytesUp, bytesDown, reply, error }: StreamEnd): void {
    this.#lastSeq += 1;
    this.#newest.push({
      seq: this.#lastSeq,
      id,
      user,
      from,
      target,
      local,
      startedAt,
      endedAt: Date.now(),
      connectMs,
      bytesUp,
      bytesDown,
      reply,
      error,
    });
    // In large steps: taking one off the front of a thousand, for each stream, would be work.
    if (this.#newest.length >= 2 * KEPT_IN_MEMORY) this.#newest.splice(0, KEPT_IN_MEMORY);
  }

  /** Those that ended after number `seq`, at most `limit`, the newest, oldest first. */
  since(seq: number, limit: number): readonly PastStream[] {
    const count = Math.min(limit, this.#lastSeq - seq, this.#newest.length);
    return count === 0 ? [] : this.#newest.slice(-count);
  }

  /** The newest before number `before`, newest first. */
  recent(before: number, limit: number): PastStream[] {
    const inMemory = this.#newest
      .filter(({ seq }) => seq < before)
      .slice(-limit)
      .toReversed();
    if (inMemory.length === limit || this.#history === undefined) return inMemory;
    const oldest = inMemory.at(-1)?.seq ?? before;
    try {
      return [...inMemory, ...this.#history.recent(oldest, limit - inMemory.length)];
    } catch (error) {
      this.#failed(error);
      return inMemory;
    }
  }

  /** Writes what is new, and `usage` with it. False where that failed; then it is tried again with the next. */
  write(usage: readonly UsageRow[]): boolean {
    const streams = this.since(this.#writtenSeq, BATCH);
    if (this.#history === undefined || (streams.length === 0 && usage.length === 0)) return true;
    try {
      this.#history.append(streams, usage);
    } catch (error) {
      this.#failed(error);
      return false;
    }
    this.#writtenSeq = this.#lastSeq;
    if (this.#failing) this.#log.info({ event: 'history-back' }, 'the history is written again');
    this.#failing = false;
    return true;
  }

  /** Forgets what a user or a local has used. */
  forget(kind: UsageKind, name: string): void {
    try {
      this.#history?.forget(kind, name);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Said once, not every second. */
  #failed(error: unknown): void {
    if (!this.#failing)
      this.#log.error(
        { event: 'history-failed', error: messageOf(error) },
        `the history cannot be kept, streams go on: ${messageOf(error)}`,
      );
    this.#failing = true;
  }
}
