// What is measured: every scenario by its name, with its job and the circumstances. How it is measured is in measure.ts.

import type { Work } from './jobs.ts';
import type { FarLink } from './place.ts';

export const GROUPS = ['bulk', 'requests', 'ping', 'many', 'start', 'far', 'lossy', 'udp', 'watch'] as const;
export type Group = (typeof GROUPS)[number];

/** So often with and without dashboards, in turn. */
export const PAIRS = 7;

export interface Scenario {
  readonly group: Group;
  readonly name: string;
  readonly work: Work & { readonly kind: 'bulk' | 'requests' | 'ping' };
  /** The link between server and local; loopback without one. */
  readonly link?: FarLink;
  /** Bulk downloads that run beside, from a client and an app of their own. */
  readonly floods?: number;
  /** Datagrams a second that go beside, there and back; the same is measured without them right before. */
  readonly datagrams?: number;
  /** Idle streams that stand beside. */
  readonly holds?: number;
  /** How many dashboards watch; the same is measured without them in between, several times. */
  readonly dashboards?: number;
  /** The contestant is started for this alone, each time. */
  readonly fresh?: true;
  /** Fewer rounds than the others, for what takes long or is set by the link. */
  readonly mostRounds?: number;
}

const bulk = (name: string, direction: 'down' | 'up' | 'both', streams: number): Scenario => ({
  group: 'bulk',
  name,
  work: { kind: 'bulk', direction, streams, seconds: 0.8 },
});

const requests = (concurrency: number): Scenario => ({
  group: 'requests',
  name: `requests, ${concurrency} at a time`,
  work: { kind: 'requests', concurrency, seconds: 1.2 },
});

const ping = (name: string, floods?: number): Scenario => ({
  group: 'ping',
  name,
  work: { kind: 'ping', seconds: 0.8 },
  ...(floods !== undefined && { floods }),
});

const LINE = { megabitPerSecond: 400, queueMs: 40 } as const;
const FAR: FarLink = { roundTripMs: 40, lossPercent: 0, ...LINE };
const LOSSY: FarLink = { roundTripMs: 50, lossPercent: 1, ...LINE };

const far = (name: string, work: Scenario['work'], fresh?: true): Scenario => ({
  group: 'far',
  name: `40 ms: ${name}`,
  work,
  link: FAR,
  mostRounds: 3,
  ...(fresh && { fresh }),
});

const setUps = (concurrency: number): Scenario['work'] => ({
  kind: 'requests',
  concurrency,
  seconds: 2,
  skip: concurrency,
});
const farBulk = (direction: 'down' | 'up', streams: number): Scenario['work'] => ({
  kind: 'bulk',
  direction,
  streams,
  seconds: 3,
});
/** Each with a fresh start: what one left in a full queue would be in the way of the next. */
const lossy = (name: string, work: Scenario['work']): Scenario => ({
  group: 'lossy',
  name: `50 ms, 1 % loss: ${name}`,
  work,
  link: LOSSY,
  fresh: true,
  mostRounds: 3,
});

const besideDatagrams = (perSecond: number): Scenario => ({
  group: 'udp',
  name: `1 stream down beside ${perSecond} datagrams a second`,
  work: { kind: 'bulk', direction: 'down', streams: 1, seconds: 0.8 },
  datagrams: perSecond,
});

const besideDashboards = (name: string, work: Scenario['work']): Scenario => ({
  group: 'watch',
  name: `10 000 streams and 3 dashboards: ${name}`,
  work,
  holds: 10_000,
  dashboards: 3,
  fresh: true,
  mostRounds: 1,
});

const ONCE = { kind: 'requests', seconds: 1 } as const;

export const SCENARIOS: readonly Scenario[] = [
  bulk('1 stream down', 'down', 1),
  bulk('1 stream up', 'up', 1),
  bulk('8 streams down', 'down', 8),
  bulk('8 streams up', 'up', 8),
  bulk('4 streams each way', 'both', 4),
  requests(1),
  requests(16),
  requests(128),
  ping('ping alone'),
  ping('ping beside 1 bulk stream', 1),
  ping('ping beside 8 bulk streams', 8),
  {
    group: 'many',
    name: 'requests beside 9000 idle streams',
    work: { kind: 'requests', concurrency: 1, seconds: 2 },
    holds: 9000,
    fresh: true,
    mostRounds: 1,
  },
  { group: 'start', name: 'start', work: { ...ONCE, concurrency: 1, most: 1 }, fresh: true },
  far('first set-up after the start', { ...ONCE, concurrency: 1, most: 1 }, true),
  far('first 32 set-ups after the start, all at once', { ...ONCE, concurrency: 32, most: 32 }, true),
  far('set-ups, 1 at a time', setUps(1)),
  far('set-ups, 32 at a time', setUps(32)),
  far('1 stream down', farBulk('down', 1)),
  far('1 stream up', farBulk('up', 1)),
  far('8 streams down', farBulk('down', 8)),
  far('8 streams up', farBulk('up', 8)),
  lossy('1 stream down', farBulk('down', 1)),
  { ...lossy('ping beside 8 bulk streams', { kind: 'ping', seconds: 6 }), floods: 8 },
  besideDatagrams(1000),
  besideDatagrams(5000),
  besideDatagrams(20_000),
  besideDashboards('8 streams down', { kind: 'bulk', direction: 'down', streams: 8, seconds: 2.5 }),
  besideDashboards('requests, 16 at a time', { kind: 'requests', concurrency: 16, seconds: 1.5 }),
];

/** What only warms up need not be repeated where the link, or a fresh start, decides. */
export const warmsUp = ({ link, fresh }: Scenario): boolean => link === undefined && fresh === undefined;

export const roundsOf = ({ mostRounds }: Scenario, wanted: number): number => Math.min(wanted, mostRounds ?? wanted);

/** How long one measurement takes, in seconds; of streams that stand beside, and of starts, as seen on two cores. */
export const expectedSeconds = ({ work, link, floods, datagrams, holds, dashboards, fresh }: Scenario): number =>
  (dashboards === undefined ? 0 : 2 * PAIRS * (work.seconds + 1)) +
  (work.kind === 'requests' && work.most !== undefined ? 0.2 : work.seconds) +
  (link === undefined ? 0.4 : 0.8) +
  (floods === undefined ? 0 : 1) +
  (datagrams === undefined ? 0 : 2) +
  (holds === undefined ? 0 : 20) +
  (fresh === undefined ? 0 : 1.5);
