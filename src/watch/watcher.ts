// Watches one role: counts what moves once a second, remembers what was, and tells whoever looks. The data path gives it
// one call when a stream begins, is answered and ends; everything else it comes and fetches.

import type { ServerResponse } from 'node:http';
import type { DepotError, Reply } from '../errors.ts';
import type { Log } from '../log.ts';
import type { StreamEnd, StreamProgress, Streams, StreamSnapshot } from '../net/streams.ts';
import type { HistoryStore, PastStream, UsageKind, UsageRow } from '../store/history.ts';
import { Failures, type FailureReason } from './failures.ts';
import { Feed } from './feed.ts';
import { Figures } from './figures.ts';
import { Counters } from './counters.ts';
import { Recorder } from './recorder.ts';
import { type LinkRoundTrip, RoundTrips } from './round-trips.ts';
import type { ClientDeviceStatus, LocalStatus, RoleStatus } from './status.ts';
import { onTheWall, steadyMs } from './steady.ts';
import { encodeEvent, Subscribers } from './subscribers.ts';
import { Traffic, type TrafficSeries } from './traffic.ts';

const TICK_MS = 1000;
const WRITE_EVERY_TICKS = 2;
const PAGE = 500;
const RECENT = 100;

export interface WatcherOptions {
  readonly streams: Streams;
  readonly role: () => RoleStatus;
  /** Empty on the side that has none. */
  readonly locals: () => readonly LocalStatus[];
  /** The devices that have joined as clients. */
  readonly clients: () => readonly ClientDeviceStatus[];
  /** The user in what a client gave as its name, which may carry a route. */
  readonly userOf: (name: string | undefined) => string;
  /** Undefined where what was is remembered in memory only. */
  readonly history: HistoryStore | undefined;
  /** Called once for each stream that has run for a second or two, from the timer and not from the data path. */
  readonly onLasting: (stream: StreamSnapshot) => void;
  readonly log: Log;
}

export class Watcher implements Disposable {
  readonly counters = new Counters();
  readonly #options: WatcherOptions;
  readonly #traffic = new Traffic(steadyMs());
  readonly #failures = new Failures();
  readonly #figures: Figures;
  readonly #recorder: Recorder;
  readonly #roundTrips = new RoundTrips();
  readonly #subscribers = new Subscribers();
  readonly #feed: Feed;
  readonly #timer: NodeJS.Timeout;
  #ticks = 0;
  #lastTickMs = performance.now();
  #lastId = 0;
  /** The newest stream that had begun by the last tick, and the newest that `onLasting` was asked about. */
  #lastIdBefore = 0;
  #lastLasting = 0;
  /** Moved by streams that ended since the last tick. */
  #up = 0;
  #down = 0;
  /** Whether the last tick said that bytes flow. */
  #busy = false;
  #historyIsLeft = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#figures = new Figures(options.history?.usage() ?? []);
    this.#recorder = new Recorder(options.history, options.log);
    this.#feed = new Feed({
      page: (after, limit) => options.streams.page(after, limit),
      ended: (afterSeq, limit) => this.#recorder.since(afterSeq, limit),
      lastSeq: () => this.#recorder.lastSeq,
      locals: options.locals,
      clients: options.clients,
      failures: () => this.failures(),
      role: options.role,
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  // What the data path tells.

  streamStarted({ id, user }: StreamSnapshot): void {
    this.#lastId = id;
    this.#figures.start(id, this.#options.userOf(user), Date.now());
  }

  streamAnswered(local: string | undefined, reply: Reply, connectMs: number): void {
    this.counters.answered(local ?? '', reply, connectMs / 1000);
  }

  streamEnded(stream: StreamEnd): void {
    const { id, local, target, error } = stream;
    this.#count(local, this.#figures.end(stream, Date.now()));
    this.#recorder.add(stream);
    this.#feed.end(id);
    if (error === undefined) return;
    this.counters.failed(error.code);
    this.#failures.record(steadyMs(), 'stream', error.code, error.message, `${target.host}:${target.port}`);
  }

  /** Somebody got no further than a port. */
  turnedAway(port: string, from: string, { code, message }: DepotError): void {
    this.counters.turnedAway(port, code);
    this.#failures.record(steadyMs(), port, code, message, from);
  }

  localUp(name: string): void {
    this.counters.session(name);
  }

  // What can be asked.

  role(): RoleStatus {
    return this.#options.role();
  }

  locals(): readonly LocalStatus[] {
    return this.#options.locals();
  }

  clients(): readonly ClientDeviceStatus[] {
    return this.#options.clients();
  }

  /** Round trips of the last 15 minutes in milliseconds, oldest first, by the name of a link. */
  roundTrips(name: string): readonly number[] {
    return this.#roundTrips.of(name);
  }

  /** A server has one to each local, who dials the server has one. */
  #links(): readonly LinkRoundTrip[] {
    const role = this.role();
    return role.role === 'server' ? this.locals() : [role];
  }

  traffic(): TrafficSeries {
    const series = this.#traffic.series();
    return { ...series, until: onTheWall(series.until) };
  }

  failures(): FailureReason[] {
    return this.#failures
      .list(steadyMs())
      .map((reason) => ({ ...reason, last: { ...reason.last, at: onTheWall(reason.last.at) } }));
  }

  usage(kind: UsageKind, name: string): UsageRow {
    return this.#figures.get(kind, name);
  }

  /** Running streams per user. */
  runningByUser(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { user } of this.#options.streams.snapshots()) {
      const name = this.#options.userOf(user);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  /** Running streams after number `after`, in order. */
  streams(after: number, limit: number): readonly StreamSnapshot[] {
    return this.#options.streams.page(after, limit);
  }

  get running(): number {
    return this.#options.streams.size;
  }

  get watching(): number {
    return this.#subscribers.size;
  }

  /** Streams that ended before number `before`, newest first. */
  ended(before: number, limit: number): readonly PastStream[] {
    return this.#recorder.recent(before, limit);
  }

  /** A user or local that is no more has used nothing when it comes back. */
  forget(kind: UsageKind, name: string): void {
    this.#forgetCounted(kind, name);
    this.#recorder.forget(kind, name);
    // Its streams were ended with it, and what they say of themselves at their end comes in this turn of the loop.
    setImmediate(() => this.#forgetCounted(kind, name));
  }

  #forgetCounted(kind: UsageKind, name: string): void {
    this.#figures.forget(kind, name);
    if (kind === 'local') this.counters.forget(name);
  }

  /** Tells `response` everything, and then what changes. False where too many watch already. */
  subscribe(response: ServerResponse, signal?: AbortSignal): boolean {
    if (this.#subscribers.size === 0) {
      const running: StreamProgress[] = [];
      this.#options.streams.visit((stream) => running.push(stream));
      this.#feed.restart(running, this.#lastId);
    }
    return this.#subscribers.add(response, () => this.#beginning(), signal);
  }

  *#beginning(): Generator<string> {
    yield encodeEvent('snapshot', {
      role: this.role(),
      locals: this.locals(),
      clients: this.clients(),
      roundTrips: Object.fromEntries(this.#links().map(({ name }) => [name, this.roundTrips(name)])),
      traffic: this.traffic(),
      failures: this.failures(),
      ended: this.ended(Number.MAX_SAFE_INTEGER, RECENT),
      running: this.running,
    });
    for (let after = 0; ;) {
      const streams = this.streams(after, PAGE);
      if (streams.length > 0) yield encodeEvent('streams', streams);
      after = streams.at(-1)?.id ?? after;
      if (streams.length < PAGE) break;
    }
    yield encodeEvent('ready', {});
  }

  /** Writes what there is, and then no more until told otherwise: another process keeps the history from now on. */
  leaveHistory(isLeft: boolean): void {
    if (isLeft) this.#write();
    this.#historyIsLeft = isLeft;
  }

  /** Counts and writes for the last time, and sends everybody away. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#collect(Date.now());
    this.#write();
    this.#subscribers.endAll();
    this.#options.history?.[Symbol.dispose]();
  }

  #tick(): void {
    const nowMs = Date.now();
    const seconds = (performance.now() - this.#lastTickMs) / 1000;
    this.#lastTickMs = performance.now();
    this.#ticks += 1;
    const { up, down } = this.#collect(nowMs);
    this.#tellLasting();
    const roundTrips = this.#roundTrips.sample(this.#ticks, () => this.#links());
    if (this.#ticks % WRITE_EVERY_TICKS === 0) this.#write();
    if (this.#subscribers.size === 0) return;
    const change = this.#feed.change(nowMs, Math.round(up / seconds), Math.round(down / seconds), this.running);
    const news = Object.keys(change).length > QUIET || up + down > 0 || this.#busy || roundTrips !== undefined;
    this.#busy = up + down > 0;
    this.#subscribers.tick(news ? encodeEvent('change', { ...change, roundTrips }) : undefined);
  }

  /** What finds no room in this tick comes with the next one. */
  #tellLasting(): void {
    if (this.#lastLasting < this.#lastIdBefore) this.#tellPage();
    this.#lastIdBefore = this.#lastId;
  }

  #tellPage(): void {
    const page = this.#options.streams.page(this.#lastLasting, PAGE);
    const lasting = page.filter(({ id }) => id <= this.#lastIdBefore);
    for (const stream of lasting) this.#options.onLasting(stream);
    this.#lastLasting = lasting.length < PAGE ? this.#lastIdBefore : (lasting.at(-1)?.id ?? 0);
  }

  #collect(nowMs: number): { readonly up: number; readonly down: number } {
    const watched = this.#subscribers.size > 0;
    this.#options.streams.visit((stream) => {
      const { id, local, bytesUp, bytesDown } = stream;
      this.#count(local, this.#figures.progress(id, local, bytesUp, bytesDown, nowMs));
      if (watched) this.#feed.see(stream);
    });
    const moved = { up: this.#up, down: this.#down };
    this.#up = 0;
    this.#down = 0;
    this.#traffic.record(steadyMs(), moved.up, moved.down);
    return moved;
  }

  #count(local: string | undefined, { up, down }: { readonly up: number; readonly down: number }): void {
    if (up === 0 && down === 0) return;
    this.#up += up;
    this.#down += down;
    this.counters.moved(local ?? '', up, down);
  }

  #write(): void {
    if (this.#historyIsLeft) return;
    if (this.#recorder.write(this.#figures.changed())) this.#figures.kept();
  }
}

/** `at`, `up`, `down` and `running` are in every change. */
const QUIET = 4;
