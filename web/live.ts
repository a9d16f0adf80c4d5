// What is going on, as the server tells it: one snapshot, then changes. Pages read it and never ask for it.

import { computed, signal } from '@preact/signals';
import type { Change } from '../src/watch/feed.ts';
import type { FailureReason } from '../src/watch/failures.ts';
import type { ClientDeviceStatus, LocalStatus, RoleStatus, StreamStatus } from '../src/watch/status.ts';
import type { TrafficSeries } from '../src/watch/traffic.ts';
import type { PastStream } from '../src/store/history.ts';
import { ApiError, call } from './api.ts';

export interface LiveStream extends StreamStatus {
  /** Bytes per second in the last second. */
  rateUp: number;
  rateDown: number;
  /** When its bytes were heard of last. */
  movedAt: number;
}

export interface LiveLocal extends LocalStatus {
  roundTrips: readonly number[];
  rateUp: number;
  rateDown: number;
}

interface Snapshot {
  readonly role: RoleStatus;
  readonly locals: readonly LocalStatus[];
  readonly clients: readonly ClientDeviceStatus[];
  readonly roundTrips: Readonly<Record<string, readonly number[]>>;
  readonly traffic: TrafficSeries;
  readonly failures: readonly FailureReason[];
  readonly ended: readonly PastStream[];
  readonly running: number;
}

type Tick = Change & { readonly roundTrips?: Readonly<Record<string, number>> };

const KEPT_ROUND_TRIPS = 90;
const KEPT_ENDED = 1000;
/** A stream that was not heard of for so long does not move. */
const STILL_MS = 2500;

export type Connection = 'connecting' | 'live' | 'lost';

export const session = signal<'unknown' | 'in' | 'out'>('unknown');
export const connection = signal<Connection>('connecting');
export const role = signal<RoleStatus | undefined>(undefined);
/** Otherwise it is a local or a client, which shows itself. */
export const isServer = computed(() => role.value?.role === 'server');
/** Of a local or a client, those of its link: milliseconds, oldest first. */
export const roundTrips = signal<readonly number[]>([]);
export const locals = signal<readonly LiveLocal[]>([]);
export const clients = signal<readonly ClientDeviceStatus[]>([]);
export const streams = signal<readonly LiveStream[]>([]);
export const running = signal(0);
export const ended = signal<readonly PastStream[]>([]);
export const failures = signal<readonly FailureReason[]>([]);
export const now = signal(Date.now());
/** Seconds since 1970, and bytes per second in each direction. */
export const traffic = signal<readonly [number[], number[], number[]]>([[], [], []]);

const byId = new Map<number, LiveStream>();
let gathering = false;
let source: EventSource | undefined;
/** What the server's clock is ahead of ours. */
let aheadMs = 0;

const liveStream = (stream: StreamStatus): LiveStream => ({ ...stream, rateUp: 0, rateDown: 0, movedAt: 0 });

const publish = (): void => {
  // Copies: a row is drawn anew only where its stream is another object.
  streams.value = [...byId.values()].map((stream) => ({ ...stream }));
  const rates = new Map<string, { up: number; down: number }>();
  for (const { local, rateUp, rateDown } of byId.values()) {
    if (local === undefined) continue;
    const sum = rates.get(local) ?? { up: 0, down: 0 };
    rates.set(local, { up: sum.up + rateUp, down: sum.down + rateDown });
  }
  locals.value = locals.value.map((local) => ({
    ...local,
    rateUp: rates.get(local.name)?.up ?? 0,
    rateDown: rates.get(local.name)?.down ?? 0,
  }));
};

/** What its link is called, where it has one. */
const nameOf = (status: RoleStatus): string => (status.role === 'server' ? '' : status.name);

const begin = (snapshot: Snapshot): void => {
  byId.clear();
  gathering = true;
  role.value = snapshot.role;
  running.value = snapshot.running;
  failures.value = snapshot.failures;
  ended.value = snapshot.ended;
  clients.value = snapshot.clients;
  roundTrips.value = snapshot.roundTrips[nameOf(snapshot.role)] ?? [];
  locals.value = snapshot.locals.map((local) => ({
    ...local,
    roundTrips: snapshot.roundTrips[local.name] ?? [],
    rateUp: 0,
    rateDown: 0,
  }));
  const { until, stepMs, up, down } = snapshot.traffic;
  const first = until / 1000 - up.length + 1;
  traffic.value = [up.map((_, index) => first + (index * stepMs) / 1000), [...up], [...down]];
  aheadMs = until - Date.now();
};

const move = ([id, bytesUp, bytesDown]: readonly [number, number, number], at: number): void => {
  const stream = byId.get(id);
  if (stream === undefined) return;
  const seconds = Math.max(1, Math.min(10, (at - (stream.movedAt || at - 1000)) / 1000));
  stream.rateUp = (bytesUp - stream.bytesUp) / seconds;
  stream.rateDown = (bytesDown - stream.bytesDown) / seconds;
  stream.bytesUp = bytesUp;
  stream.bytesDown = bytesDown;
  stream.movedAt = at;
};

const changeLocals = ({ locals: changed, goneLocals, roundTrips: newestOf }: Tick): void => {
  const known = new Map(locals.value.map((local) => [local.name, local]));
  for (const name of goneLocals ?? []) known.delete(name);
  for (const local of changed ?? []) {
    const old = known.get(local.name);
    known.set(local.name, { ...(old ?? { roundTrips: [], rateUp: 0, rateDown: 0 }), ...local });
  }
  for (const [name, newest] of Object.entries(newestOf ?? {})) {
    const local = known.get(name);
    if (local !== undefined)
      known.set(name, { ...local, rttMs: newest, roundTrips: [...local.roundTrips, newest].slice(-KEPT_ROUND_TRIPS) });
  }
  locals.value = [...known.values()].sort((a, b) => a.name.localeCompare(b.name));
};

const changeClients = ({ clients: changed, goneClients }: Tick): void => {
  if (changed === undefined && goneClients === undefined) return;
  const known = new Map(clients.value.map((client) => [titleOf(client), client]));
  for (const title of goneClients ?? []) known.delete(title);
  for (const client of changed ?? []) known.set(titleOf(client), client);
  clients.value = [...known.values()].sort((a, b) => titleOf(a).localeCompare(titleOf(b)));
};

/** As it is called in the API and in the log. */
export const titleOf = ({ user, device }: ClientDeviceStatus): string => `${user}/${device}`;

const change = (tick: Tick): void => {
  running.value = tick.running;
  aheadMs = tick.at - Date.now();
  for (const stream of tick.started ?? []) byId.set(stream.id, liveStream(stream));
  for (const [id, local, rule] of tick.opened ?? []) {
    const stream = byId.get(id);
    if (stream === undefined) continue;
    stream.state = 'open';
    // JSON has null for what is not there.
    if (local != null) stream.local = local;
    if (rule != null) stream.rule = rule;
  }
  for (const counter of tick.counters ?? []) move(counter, tick.at);
  for (const id of tick.gone ?? []) byId.delete(id);
  for (const stream of byId.values()) if (tick.at - stream.movedAt > STILL_MS) stream.rateUp = stream.rateDown = 0;
  if (tick.ended !== undefined) ended.value = [...tick.ended.toReversed(), ...ended.value].slice(0, KEPT_ENDED);
  if (tick.failures !== undefined) failures.value = tick.failures;
  if (tick.role !== undefined) role.value = tick.role;
  const rtt = role.value && tick.roundTrips?.[nameOf(role.value)];
  if (rtt !== undefined) roundTrips.value = [...roundTrips.value, rtt].slice(-KEPT_ROUND_TRIPS);
  changeLocals(tick);
  changeClients(tick);
  extendTraffic(Math.floor(tick.at / 1000), tick.up, tick.down);
  if (!gathering) publish();
};

const POINTS = 900;

/** One point a second. Silence means that nothing flowed. */
const extendTraffic = (second: number, up: number, down: number): void => {
  const [seconds, ups, downs] = traffic.value;
  const newest = seconds.at(-1) ?? second - 1;
  if (second <= newest) return;
  const times = [...seconds];
  const [inUp, inDown] = [[...ups], [...downs]];
  for (let missing = Math.max(newest + 1, second - POINTS); missing <= second; missing += 1) {
    times.push(missing);
    inUp.push(missing === second ? up : 0);
    inDown.push(missing === second ? down : 0);
  }
  traffic.value = [times.slice(-POINTS), inUp.slice(-POINTS), inDown.slice(-POINTS)];
};

/** Follows the events until the session ends; a lost connection comes back by itself. */
export const follow = (): void => {
  source?.close();
  source = new EventSource('/api/v1/events');
  const on = (event: string, handle: (data: never) => void): void =>
    source?.addEventListener(event, ({ data }: MessageEvent<string>) => handle(JSON.parse(data) as never));
  on('snapshot', begin);
  on('streams', (page: readonly StreamStatus[]) => {
    for (const stream of page) byId.set(stream.id, liveStream(stream));
  });
  on('ready', () => {
    gathering = false;
    connection.value = 'live';
    session.value = 'in';
    publish();
  });
  on('change', change);
  source.addEventListener('error', () => {
    if (connection.value === 'live') connection.value = 'lost';
    // An EventSource does not say why: whoever is logged out has to log in.
    call('GET', '/overview').then(
      () => {
        if (source?.readyState === EventSource.CLOSED) follow();
      },
      (error: unknown) => {
        if (error instanceof ApiError) return;
        if (source?.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
      },
    );
  });
};

export const loggedOut = (): void => {
  source?.close();
  session.value = 'out';
};

setInterval(() => {
  now.value = Date.now() + aheadMs;
  const second = Math.floor(now.value / 1000) - 1;
  if (session.value === 'in' && connection.value === 'live') {
    extendTraffic(second, 0, 0);
    for (const stream of byId.values())
      if (now.value - stream.movedAt > STILL_MS && stream.rateUp + stream.rateDown > 0) {
        stream.rateUp = stream.rateDown = 0;
        publish();
        break;
      }
  }
}, 1000);
