// The text that Prometheus scrapes (exposition format 0.0.4), made from plain numbers when somebody asks.

import { readdirSync } from 'node:fs';
import { BUCKETS, type Counters } from './counters.ts';
import type { LocalStatus } from './status.ts';
import type { Watcher } from './watcher.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number, suffix?: string];

/** Beyond this many locals the rest have no series of their own. */
const MOST_LOCALS = 500;

const escape = (text: string): string =>
  text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);

const line = (name: string, [labels, value, suffix = '']: Sample): string => {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
  return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
};

const family = (
  name: string,
  type: 'counter' | 'gauge' | 'histogram',
  help: string,
  samples: readonly Sample[],
): string =>
  samples.length === 0
    ? ''
    : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((sample) => line(name, sample)), ''].join(
        '\n',
      );

const one = (value: number): readonly Sample[] => [[{}, value]];

const connectSamples = ({ connects }: Counters): Sample[] =>
  [...connects.values()].flatMap(({ local, reply, counts, sum }) => {
    const labels = { local, reply: String(reply) };
    let total = 0;
    const buckets = counts.map((count, index): Sample => {
      total += count;
      return [{ ...labels, le: String(BUCKETS[index] ?? '+Inf') }, total, '_bucket'];
    });
    return [...buckets, [labels, sum, '_sum'], [labels, total, '_count']];
  });

const ofLocals = (locals: readonly LocalStatus[], value: (local: LocalStatus) => number | null): Sample[] =>
  locals.flatMap((local): Sample[] => {
    const number = value(local);
    return number === null ? [] : [[{ local: local.name }, number]];
  });

const processMetrics = (limit: number | null): string => {
  const { user, system } = process.cpuUsage();
  return [
    family('process_cpu_user_seconds_total', 'counter', 'User CPU time.', one(user / 1e6)),
    family('process_cpu_system_seconds_total', 'counter', 'System CPU time.', one(system / 1e6)),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory.', one(process.memoryUsage.rss())),
    family(
      'process_start_time_seconds',
      'gauge',
      'When the process began, since 1970.',
      one(Math.round(performance.timeOrigin / 1000)),
    ),
    family('process_open_fds', 'gauge', 'Open files.', openFiles()),
    family('process_max_fds', 'gauge', 'How many files may be open.', limit === null ? [] : one(limit)),
    family('nodejs_heap_size_used_bytes', 'gauge', 'JavaScript heap in use.', one(process.memoryUsage().heapUsed)),
    family(
      'nodejs_eventloop_utilization_ratio',
      'gauge',
      'Share of time that the event loop was busy since the start.',
      one(performance.eventLoopUtilization().utilization),
    ),
  ].join('');
};

/** Linux only; elsewhere the number is not known. */
const openFiles = (): readonly Sample[] => {
  try {
    return one(readdirSync('/proc/self/fd').length);
  } catch {
    return [];
  }
};

export const formatMetrics = (watcher: Watcher): string => {
  const { counters } = watcher;
  const locals = watcher.locals().slice(0, MOST_LOCALS);
  const { version, role, descriptors } = watcher.role();
  return [
    family('depot_build_info', 'gauge', 'Which depot this is.', [[{ version, role }, 1]]),
    family('depot_streams', 'gauge', 'Running streams.', one(watcher.running)),
    family(
      'depot_connect_seconds',
      'histogram',
      'From a request to its answer, by local and REP of RFC 1928.',
      connectSamples(counters),
    ),
    family(
      'depot_stream_bytes_total',
      'counter',
      'Bytes carried; up is from client to app.',
      [...counters.bytes].flatMap(([local, { up, down }]): Sample[] => [
        [{ local, direction: 'up' }, up],
        [{ local, direction: 'down' }, down],
      ]),
    ),
    family(
      'depot_stream_failures_total',
      'counter',
      'Streams that failed or were aborted, by code.',
      [...counters.failures].map(([code, count]): Sample => [{ code }, count]),
    ),
    family(
      'depot_handshake_failures_total',
      'counter',
      'Who got no further than a port, by port and code.',
      [...counters.turnedAwayAt].flatMap(([port, codes]) =>
        [...codes].map(([code, count]): Sample => [{ port, code }, count]),
      ),
    ),
    family(
      'depot_local_up',
      'gauge',
      'Whether a local is connected.',
      ofLocals(locals, ({ connected }) => (connected ? 1 : 0)),
    ),
    family(
      'depot_local_streams',
      'gauge',
      'Running streams of a local.',
      ofLocals(locals, ({ streams }) => streams),
    ),
    family(
      'depot_link_sessions_total',
      'counter',
      'Sessions that a local began; all but the first are reconnects.',
      [...counters.sessions].map(([local, count]): Sample => [{ local }, count]),
    ),
    family(
      'depot_link_rtt_seconds',
      'gauge',
      'Round trip on the control connection.',
      ofLocals(locals, ({ rttMs }) => (rttMs === null ? null : rttMs / 1000)),
    ),
    family(
      'depot_tunnels',
      'gauge',
      'Tunnels of a local, by state.',
      locals.flatMap(({ name, tunnels }): Sample[] => [
        [{ local: name, state: 'idle' }, tunnels.idle],
        [{ local: name, state: 'busy' }, tunnels.busy],
      ]),
    ),
    family(
      'depot_descriptors_refused_total',
      'counter',
      'Connections that were refused to keep the reserve of open files.',
      one(descriptors.refused),
    ),
    family('depot_watchers', 'gauge', 'Who follows the events.', one(watcher.watching)),
    processMetrics(descriptors.limit),
  ].join('');
};
