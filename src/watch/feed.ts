// What has changed since the last tick, for everybody who watches: streams that began, moved and ended, locals, traffic.
// Each tick has a bounded size, however much is going on: what found no room comes with the next one.

import type { StreamProgress, StreamSnapshot } from '../net/streams.ts';
import type { PastStream } from '../store/history.ts';
import type { FailureReason } from './failures.ts';
import type { ClientDeviceStatus, LocalStatus, RoleStatus } from './status.ts';

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
  /** Number, local, and the rule that let it through, of streams that are open now. */
  readonly opened?: readonly Opened[];
  /** Number and bytes in each direction. */
  readonly counters?: readonly (readonly [id: number, bytesUp: number, bytesDown: number])[];
  /** Numbers of streams that do not run any more. */
  readonly gone?: readonly number[];
  /** The newest of them, with how they ended. */
  readonly ended?: readonly PastStream[];
  /** Locals that are not as they were. */
  readonly locals?: readonly LocalStatus[];
  readonly goneLocals?: readonly string[];
  /** Clients that came, went or moved. */
  readonly clients?: readonly ClientDeviceStatus[];
  /** USER/DEVICE of those that were revoked. */
  readonly goneClients?: readonly string[];
  readonly failures?: readonly FailureReason[];
  /** What is watched, where it is not as it was: a link that came back, or its round trip. */
  readonly role?: RoleStatus;
}

type Opened = readonly [id: number, local: string | undefined, rule: string | undefined];

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
  readonly clients: () => readonly ClientDeviceStatus[];
  readonly failures: () => readonly FailureReason[];
  readonly role: () => RoleStatus;
}

export class Feed {
  readonly #sources: FeedSources;
  readonly #told = new Map<number, Told>();
  readonly #moved: [id: number, bytesUp: number, bytesDown: number][] = [];
  readonly #opened: Opened[] = [];
  readonly #gone: number[] = [];
  readonly #locals: Peers<LocalStatus>;
  readonly #clients: Peers<ClientDeviceStatus>;
  #failures = '';
  #role = '';
  #lastStarted = 0;
  #lastEnded = 0;
  /** Where the last tick had no more room for counters. */
  #cursor = 0;

  constructor(sources: FeedSources) {
    this.#sources = sources;
    this.#locals = new Peers(sources.locals, ({ name }) => name);
    this.#clients = new Peers(sources.clients, ({ user, device }) => `${user}/${device}`);
  }

  /** Forgets everything: from now on somebody watches who is told of all that runs now by other means. */
  restart(running: readonly StreamProgress[], lastStarted: number): void {
    this.#told.clear();
    for (const { id, isOpen, bytesUp, bytesDown } of running)
      this.#told.set(id, { open: isOpen, up: bytesUp, down: bytesDown });
    for (const list of [this.#moved, this.#opened, this.#gone]) list.length = 0;
    this.#lastStarted = lastStarted;
    this.#lastEnded = this.#sources.lastSeq();
    this.#locals.restart();
    this.#clients.restart();
    this.#failures = JSON.stringify(this.#sources.failures());
    this.#role = JSON.stringify(this.#sources.role());
  }

  /** Sees each running stream, once per tick. */
  see({ id, isOpen, local, rule, bytesUp, bytesDown }: StreamProgress): void {
    const told = this.#told.get(id);
    if (told === undefined) return;
    if (isOpen && !told.open) {
      told.open = true;
      this.#opened.push([id, local, rule]);
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
      ...this.#changedPeers(),
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

  #changedPeers(): Pick<Change, 'locals' | 'goneLocals' | 'clients' | 'goneClients'> {
    const [locals, goneLocals] = this.#locals.changed();
    const [clients, goneClients] = this.#clients.changed();
    return {
      ...nonEmpty('locals', locals),
      ...nonEmpty('goneLocals', goneLocals),
      ...nonEmpty('clients', clients),
      ...nonEmpty('goneClients', goneClients),
    };
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

/** Those who dial the server, and how each was when that was told last. */
class Peers<T extends { readonly lastSeenAt: number }> {
  readonly #list: () => readonly T[];
  readonly #nameOf: (peer: T) => string;
  readonly #told = new Map<string, string>();

  constructor(list: () => readonly T[], nameOf: (peer: T) => string) {
    this.#list = list;
    this.#nameOf = nameOf;
  }

  restart(): void {
    this.#told.clear();
    this.changed();
  }

  /** Those that are not as they were, and the names of those that are no more. */
  changed(): readonly [changed: readonly T[], gone: readonly string[]] {
    const gone = new Set(this.#told.keys());
    const changed = this.#list().filter((peer) => {
      const name = this.#nameOf(peer);
      gone.delete(name);
      // Of one that is connected, "last seen" is always now.
      const text = JSON.stringify({ ...peer, lastSeenAt: 0 });
      if (this.#told.get(name) === text) return false;
      this.#told.set(name, text);
      return true;
    });
    for (const name of gone) this.#told.delete(name);
    return [changed, [...gone]];
  }
}

const nonEmpty = <K extends string, T>(key: K, list: readonly T[]): { [key in K]?: readonly T[] } =>
  list.length === 0 ? {} : ({ [key]: list } as { [key in K]?: readonly T[] });
