// Faults by chance, at any moment of a few transfers: each of these ends whole or visibly failed, and nobody else notices.

import { spawnSync } from 'node:child_process';
import { LOOPBACK } from '../../support/depot.ts';
import { openStream } from '../../support/socks-client.ts';
import { TcpRelay } from '../../support/tcp-relay.ts';
import type { Seeded } from '../../support/seeded.ts';
import { type Fault, type Outcome, type Stage, untilSo } from '../fault.ts';
import { Gateway } from '../gateway.ts';
import { carry, type Ending, planOf } from '../transfer.ts';
import { TransferApp } from './transfers.ts';

const FAULTS = 500;
const STREAMS = 8;
const NEIGHBOURS = 2;
const LARGEST = 16 * 1024 * 1024;
const HANG_MS = 35_000;
const BACK_MS = 30_000;

interface Scene {
  readonly stage: Stage;
  readonly gateway: Gateway;
  readonly relay: TcpRelay;
  readonly chance: Seeded;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whose neighbours are touched: nobody lives through the death of the server. */
interface Kind {
  readonly sparesNeighbours: boolean;
  readonly strike: (scene: Scene) => Promise<void>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  'SIGKILL of the local': {
    sparesNeighbours: true,
    strike: async ({ gateway }) => {
      await gateway.local().stop('SIGKILL');
      await gateway.restartLocal();
    },
  },
  'SIGKILL of the server': {
    sparesNeighbours: false,
    strike: async ({ gateway }) => {
      await gateway.server.stop('SIGKILL');
      await gateway.restartServer();
    },
  },
  'SIGSTOP of the local': {
    sparesNeighbours: true,
    strike: async ({ gateway, chance }) => {
      const { child } = gateway.local();
      child.kill('SIGSTOP');
      await pause(chance.below(3000));
      child.kill('SIGCONT');
    },
  },
  'RST at a byte': {
    sparesNeighbours: true,
    strike: ({ relay, chance }) => {
      relay.resetAfter(Math.floor(2_000_000 ** chance.fraction()));
      return Promise.resolve();
    },
  },
  'RST of every connection': {
    sparesNeighbours: true,
    strike: ({ relay }) => {
      relay.resetAll();
      return Promise.resolve();
    },
  },
  'connections killed from outside': {
    sparesNeighbours: true,
    strike: ({ relay }) => {
      spawnSync('ss', ['-K', 'dst', LOOPBACK, 'dport', '=', `:${relay.port}`]);
      return Promise.resolve();
    },
  },
  'black hole': {
    sparesNeighbours: true,
    strike: async ({ stage, relay }) => {
      relay.fallSilent();
      await pause(stage.time(26_000));
      relay.recover();
    },
  },
};

type Tally = Record<Ending | 'hung', number>;

/** One transfer, refused and cut off included. */
const attempt = async (
  gateway: Gateway,
  app: TransferApp,
  stage: Stage,
  [number, local]: readonly [number, string],
): Promise<Ending> => {
  try {
    return await carry(await openStream(gateway.target(app.port, local)), planOf(stage.seed, number, LARGEST));
  } catch {
    // No stream came of it, and whoever asked was told.
    return 'failed';
  }
};

const orHung = async (transfer: Promise<Ending>): Promise<Ending | 'hung'> => {
  const timer = Promise.withResolvers<'hung'>();
  const handle = setTimeout(timer.resolve, HANG_MS, 'hung');
  return Promise.race([transfer, timer.promise]).finally(() => clearTimeout(handle));
};

const isBack = (gateway: Gateway, app: TransferApp): Promise<number> =>
  untilSo(async () => (await gateway.works(app.port)) && gateway.works(app.port, 'other'), BACK_MS);

const report = (
  total: number,
  tally: Tally,
  atApp: number,
  harmed: readonly string[],
  shorts: ReadonlyMap<string, number>,
): string => {
  const why = [...shorts].map(([kind, count]) => `${count} after ${kind}`).join(', ');
  return `${total} faults, ${tally.whole} streams whole, ${tally.failed} visibly failed, ${tally.short + tally.spoilt} short at a client, ${atApp} at the app${why === '' ? '' : ` (${why})`}, ${tally.hung} hung, ${harmed.length === 0 ? 'no neighbour' : `neighbours at ${[...new Set(harmed)].join(', ')}`} touched`;
};

const run = async (stage: Stage): Promise<Outcome> => {
  const chance = stage.chance('random faults');
  await using gateway = await Gateway.start({ stage });
  await using app = await TransferApp.start();
  const to = { host: LOOPBACK, port: gateway.printed.controlPort };
  await using relay = await TcpRelay.listen({ host: LOOPBACK, port: 0 }, to);
  await gateway.join('home', relay.port);
  await gateway.join('other');
  const tally: Tally = { whole: 0, failed: 0, short: 0, spoilt: 0, hung: 0 };
  const harmed: string[] = [];
  const shorts = new Map<string, number>();
  const total = stage.count(FAULTS, Object.keys(KINDS).length);
  for (let number = 0; number < total; number += 1) {
    // Each kind in its turn, so that a short run has them all.
    const [name = '', kind] = Object.entries(KINDS)[number % Object.keys(KINDS).length] ?? [];
    const before = app.count('short');
    const startedMs = performance.now();
    const first = number * (STREAMS + NEIGHBOURS);
    const ours = Array.from({ length: STREAMS }, (_, index) =>
      orHung(attempt(gateway, app, stage, [first + index, 'home'])),
    );
    const others = Array.from({ length: NEIGHBOURS }, (_, index) =>
      orHung(attempt(gateway, app, stage, [first + STREAMS + index, 'other'])),
    );
    await pause(chance.below(chance.pick([50, 200])));
    await kind?.strike({ stage, gateway, relay, chance });
    const endings = await Promise.all(ours);
    for (const ending of endings) tally[ending] += 1;
    const spared = await Promise.all(others);
    if (kind?.sparesNeighbours === true && spared.some((ending) => ending !== 'whole')) harmed.push(name);
    if (!Number.isFinite(await isBack(gateway, app))) harmed.push(`${name} (it did not come back)`);
    const short = endings.filter((ending) => ending === 'short').length + app.count('short') - before;
    process.stderr.write(
      `  ${name}: ${endings.join(' ')}; ${spared.join(' ')}; ${Math.round(performance.now() - startedMs)} ms\n`,
    );
    if (short > 0) shorts.set(name, (shorts.get(name) ?? 0) + short);
  }
  const wrong = tally.short + tally.spoilt + app.count('short') + app.count('spoilt');
  return {
    reached: report(total, tally, app.count('short'), harmed, shorts),
    met: wrong === 0 && tally.hung === 0 && harmed.length === 0,
  };
};

export const randomFaults: Fault = {
  name: 'random',
  what: '500 random faults (SIGKILL, SIGSTOP, RST at byte N, connection killed from outside, black hole)',
  figure:
    'each stream whole or visibly failed: 0 short reads that end cleanly, 0 hangs beyond 35 s, neighbours untouched',
  run,
};
