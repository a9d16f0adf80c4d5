// What has changed since the last tick, for everybody who watches: streams that began, moved and ended, locals, traffic.
// Each tick has a bounded size, however much is going on: what found no room comes with the next one.

import type { StreamProgress, StreamSnapshot } from '../net/streams.ts';
import type { PastStream } from '../store/history.ts';
import type { FailureReason } from './failures.ts';
import type { LocalStatus, RoleStatus } from './status.ts';

/** The most streams that one tick tells the begin, the bytes and the end of. */
const MOST = { started: 500, counters: 2000, ended: 100 } as const;

/** One tick. Counters are totals, so that hearing one twice does no harm. */
export interface Change {
  readonly at: number;
  /** Bytes per second. */
  readonly up: number;
  readonly down: number;
  /** Running streams. */
  readonly running: number;
  readonly started?: readonly StreamSnapshot[];
  /** Number and local of streams that are open now. */
  readonly opened?: readonly (readonly [id: number, local: string | undefined])[];
  /** Number and bytes in each direction. */
  readonly counters?: readonly (readonly [id: number, bytesUp: number, bytesDown: number])[];
  /** Numbers of streams that do not run any more. */
  readonly gone?: readonly number[];
  /** The newest of them, with how they ended. */
  readonly ended?: readonly PastStream[];
  /** Locals that are not as they were. */
  readonly locals?: readonly LocalStatus[];
  readonly goneLocals?: readonly string[];
  readonly failures?: readonly FailureReason[];
  /** What is watched, where it is not as it was: a link that came back, or its round trip. */
  readonly role?: RoleStatus;
}

interface Told {
  open: boolean;
  up: number;
  down: number;
}

export interface FeedSources {
  readonly page: (after: number, limit: number) => readonly StreamSnapshot[];
  readonly ended: (afterSeq: number, limit: number) => readonly PastStream[];
  readonly lastSeq: () => number;
  readonly locals: () => readonly LocalStatus[];
  readonly failures: () => readonly FailureReason[];
  readonly role: () => RoleStatus;
}

export class Feed {
  readonly #sources: FeedSources;
  readonly #told = new Map<number, Told>();
  readonly #moved: [id: number, bytesUp: number, bytesDown: number][] = [];
  readonly #opened: [id: number, local: string | undefined][] = [];
  readonly #gone: number[] = [];
  readonly #locals = new Map<string, string>();
  #failures = '';
  #role = '';
  #lastStarted = 0;
  #lastEnded = 0;
  /** Where the last tick had no more room for counters. */
  #cursor = 0;

  constructor(sources: FeedSources) {
    this.#sources = sources;
  }

  /** Forgets everything: from now on somebody watches who is told of all that runs now by other means. */
  restart(running: readonly StreamProgress[], lastStarted: number): void {
    this.#told.clear();
    for (const { id, isOpen, bytesUp, bytesDown } of running)
      this.#told.set(id, { open: isOpen, up: bytesUp, down: bytesDown });
    for (const list of [this.#moved, this.#opened, this.#gone]) list.length = 0;
    this.#lastStarted = lastStarted;
    this.#lastEnded = this.#sources.lastSeq();
    this.#locals.clear();
    for (const local of this.#sources.locals()) this.#locals.set(local.name, fingerprintOf(local));
    this.#failures = JSON.stringify(this.#sources.failures());
    this.#role = JSON.stringify(this.#sources.role());
  }

  /** Sees each running stream, once per tick. */
  see({ id, isOpen, local, bytesUp, bytesDown }: StreamProgress): void {
    const told = this.#told.get(id);
    if (told === undefined) return;
    if (isOpen && !told.open) {
      told.open = true;
      this.#opened.push([id, local]);
    }
    if (bytesUp !== told.up || bytesDown !== told.down) this.#moved.push([id, bytesUp, bytesDown]);
  }

  end(id: number): void {
    if (this.#told.delete(id)) this.#gone.push(id);
  }

  /** Everything since the last one. */
  change(at: number, up: number, down: number, running: number): Change {
    return {
      at,
      up,
      down,
      running,
      // An empty list says nothing, and is left out of what is sent.
      ...nonEmpty('gone', this.#gone.splice(0)),
      ...nonEmpty('started', this.#started()),
      ...nonEmpty('opened', this.#opened.splice(0)),
      ...nonEmpty('counters', this.#counters()),
      ...nonEmpty('ended', this.#ended()),
      ...this.#changedLocals(),
      ...this.#changedFailures(),
      ...this.#changedRole(),
    };
  }

  #started(): readonly StreamSnapshot[] {
    const started = this.#sources.page(this.#lastStarted, MOST.started);
    for (const { id, state, bytesUp, bytesDown } of started)
      this.#told.set(id, { open: state === 'open', up: bytesUp, down: bytesDown });
    this.#lastStarted = started.at(-1)?.id ?? this.#lastStarted;
    return started;
  }

  /** In turn, where there are more than fit. */
  #counters(): [id: number, bytesUp: number, bytesDown: number][] {
    const moved = this.#moved.splice(0);
    const begin =
      moved.length <= MOST.counters
        ? 0
        : Math.max(
            0,
            moved.findIndex(([id]) => id > this.#cursor),
          );
    const counters = [...moved.slice(begin), ...moved.slice(0, begin)].slice(0, MOST.counters);
    this.#cursor = counters.at(-1)?.[0] ?? 0;
    for (const [id, up, down] of counters) Object.assign(this.#told.get(id) ?? {}, { up, down });
    return counters;
  }

  #ended(): readonly PastStream[] {
    const ended = this.#sources.ended(this.#lastEnded, MOST.ended);
    this.#lastEnded = this.#sources.lastSeq();
    return ended;
  }

  #changedLocals(): Pick<Change, 'locals' | 'goneLocals'> {
    const locals = this.#sources.locals();
    const gone = new Set(this.#locals.keys());
    const changed = locals.filter((local) => {
      gone.delete(local.name);
      const fingerprint = fingerprintOf(local);
      if (this.#locals.get(local.name) === fingerprint) return false;
      this.#locals.set(local.name, fingerprint);
      return true;
    });
    for (const name of gone) this.#locals.delete(name);
    return { ...nonEmpty('locals', changed), ...nonEmpty('goneLocals', [...gone]) };
  }

  #changedRole(): Pick<Change, 'role'> {
    const role = this.#sources.role();
    const text = JSON.stringify(role);
    if (text === this.#role) return {};
    this.#role = text;
    return { role };
  }

  #changedFailures(): Pick<Change, 'failures'> {
    const failures = this.#sources.failures();
    const text = JSON.stringify(failures);
    if (text === this.#failures) return {};
    this.#failures = text;
    return { failures };
  }
}

/** Of a local that is connected, "last seen" is always now. */
const fingerprintOf = (local: LocalStatus): string => JSON.stringify({ ...local, lastSeenAt: 0 });

const nonEmpty = <K extends string, T>(key: K, list: readonly T[]): { [key in K]?: readonly T[] } =>
  list.length === 0 ? {} : ({ [key]: list } as { [key in K]?: readonly T[] });
