// Faults by chance, at any moment of a few transfers: each of these ends whole or visibly failed, and nobody else notices.
// Several gateways suffer at the same time, each in its own lane, for most of a fault is waiting for its end.

import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { LOOPBACK } from '../../support/depot.ts';
import { openStream } from '../../support/socks-client.ts';
import { TcpRelay } from '../../support/tcp-relay.ts';
import type { Seeded } from '../../support/seeded.ts';
import { type Fault, type Outcome, type Stage, untilSo } from '../fault.ts';
import { Gateway } from '../gateway.ts';
import { connectStrictly } from '../strict-tls.ts';
import { carry, type Ending, planOf } from '../transfer.ts';
import { TransferApp } from '../transfer-app.ts';

const FAULTS = 500;
const LANES = 8;
const STREAMS = 8;
const NEIGHBOURS = 2;
/** Most of them are still on their way when the fault comes. */
const SMALLEST = 128 * 1024;
const LARGEST = 16 * 1024 * 1024;
const HANG_MS = 35_000;
const BACK_MS = 30_000;

interface Scene {
  readonly stage: Stage;
  readonly gateway: Gateway;
  readonly relay: TcpRelay;
  readonly chance: Seeded;
}

type Victim = 'server' | 'local';

const kill: Readonly<Record<Victim, (gateway: Gateway) => Promise<void>>> = {
  server: async (gateway) => {
    await gateway.server.stop('SIGKILL');
    await gateway.restartServer();
  },
  local: async (gateway) => {
    await gateway.local().stop('SIGKILL');
    await gateway.restartLocal();
  },
};

type Door = 'plain' | 'tls';

interface Kind {
  /** Nobody lives through the death of the server. */
  readonly sparesNeighbours: boolean;
  /** Where the streams come in; default every other one inside TLS. */
  readonly doors?: readonly Door[];
  /** The app's own connection is closed by the kernel, and so in order: counted by itself, as in `killed-process`. */
  readonly kernelEndsApps?: boolean;
  readonly strike: (scene: Scene) => Promise<void>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  'SIGKILL of the local': {
    sparesNeighbours: true,
    kernelEndsApps: true,
    strike: ({ gateway }) => kill.local(gateway),
  },
  'SIGKILL of the server': {
    sparesNeighbours: false,
    // What the kernel makes of the plain ones has a test of its own, `killed-process`.
    doors: ['tls'],
    strike: ({ gateway }) => kill.server(gateway),
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
const emptyTally = (): Tally => ({ whole: 0, failed: 0, short: 0, spoilt: 0, hung: 0 });

interface Course {
  readonly number: number;
  readonly local: string;
  readonly door: Door;
}

/** One transfer, refused and cut off included. */
const attempt = async (gateway: Gateway, port: number, seed: number, course: Course): Promise<Ending> => {
  const plan = planOf(seed, course.number, LARGEST, SMALLEST);
  const target = gateway.target(port, course.local);
  try {
    if (course.door === 'plain') return await carry(await openStream(target), plan);
    const { socket, isEnd } = await connectStrictly(target.socksPort);
    return await carry(await openStream({ ...target, connect: () => Promise.resolve(socket) }), plan, isEnd);
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

/** What came of all lanes. */
class Toll {
  readonly tally = emptyTally();
  readonly harmed: string[] = [];
  readonly wrong = new Map<string, number>();
  faults = 0;
  underWay = 0;
  wrongAtApps = 0;
  /** At apps, after SIGKILL of their local. */
  kernelsFins = 0;

  get reached(): string {
    const { whole, failed, short, spoilt, hung } = this.tally;
    const why = [...this.wrong].map(([kind, count]) => `${count} after ${kind}`).join(', ');
    const touched = this.harmed.length === 0 ? 'no neighbour' : `neighbours at ${[...new Set(this.harmed)].join(', ')}`;
    return `${this.faults} faults, ${this.underWay} streams under way when they came; ${whole} whole, ${failed} visibly failed, ${short + spoilt} short at a client, ${this.wrongAtApps} at the app${why === '' ? '' : ` (${why})`} but for ${this.kernelsFins} after SIGKILL of its local (the kernel's FIN), ${hung} hung, ${touched} touched`;
  }

  /** But for what the kernel does by itself. */
  get isClean(): boolean {
    const { short, spoilt, hung } = this.tally;
    return short + spoilt + this.wrongAtApps + hung === 0 && this.harmed.length === 0;
  }
}

/** One gateway, with the faults that are its share, one after the other. */
const lane = async (stage: Stage, which: number, numbers: readonly number[], toll: Toll): Promise<void> => {
  const chance = stage.chance(`random faults ${which}`);
  await using gateway = await Gateway.start({ stage });
  await using app = await TransferApp.start();
  const to = { host: LOOPBACK, port: gateway.printed.controlPort };
  await using relay = await TcpRelay.listen({ host: LOOPBACK, port: 0 }, to);
  await gateway.join('home', relay.port);
  await gateway.join('other');
  for (const number of numbers) {
    // Each kind in its turn, so that a short run has them all.
    const [name = '', kind] = Object.entries(KINDS)[number % Object.keys(KINDS).length] ?? [];
    const wrongBefore = app.count('short') + app.count('spoilt');
    let running = STREAMS;
    const carryOne = async (index: number): Promise<Ending | 'hung'> => {
      const { doors = ['plain', 'tls'] } = kind ?? {};
      const door = doors[index % doors.length] ?? 'plain';
      const local = index < STREAMS ? 'home' : 'other';
      const course = { number: number * (STREAMS + NEIGHBOURS) + index, local, door };
      const ending = await orHung(attempt(gateway, app.port, stage.seed, course));
      if (index < STREAMS) running -= 1;
      return ending;
    };
    const carried = Array.from({ length: STREAMS + NEIGHBOURS }, (_, index) => carryOne(index));
    await pause(chance.below(chance.pick([50, 200])));
    toll.underWay += running;
    await kind?.strike({ stage, gateway, relay, chance });
    const endings = await Promise.all(carried);
    for (const ending of endings.slice(0, STREAMS)) toll.tally[ending] += 1;
    const spared = endings.slice(STREAMS).every((ending) => ending === 'whole');
    if (kind?.sparesNeighbours === true && !spared) toll.harmed.push(name);
    const isBack = async (): Promise<boolean> => (await gateway.works(app.port)) && gateway.works(app.port, 'other');
    if (!Number.isFinite(await untilSo(isBack, BACK_MS))) toll.harmed.push(`${name} (it did not come back)`);
    const allAtApp = app.count('short') + app.count('spoilt') - wrongBefore;
    if (kind?.kernelEndsApps === true) toll.kernelsFins += allAtApp;
    const wrongAtApp = kind?.kernelEndsApps === true ? 0 : allAtApp;
    toll.wrongAtApps += wrongAtApp;
    const wrong = wrongAtApp + endings.filter((ending) => ending === 'short' || ending === 'spoilt').length;
    if (wrong > 0) {
      toll.wrong.set(name, (toll.wrong.get(name) ?? 0) + wrong);
      process.stderr.write(`  ${name}, number ${number}: ${endings.join(' ')}, ${wrongAtApp} wrong at the app\n`);
    }
    toll.faults += 1;
  }
};

const run = async (stage: Stage): Promise<Outcome> => {
  const kinds = Object.keys(KINDS).length;
  const total = stage.count(FAULTS, kinds);
  const lanes = Math.min(LANES, Math.ceil(total / kinds));
  const toll = new Toll();
  const numbers = Array.from({ length: total }, (_, number) => number);
  await Promise.all(
    Array.from({ length: lanes }, (_, index) => {
      const share = numbers.slice(Math.floor((index * total) / lanes), Math.floor(((index + 1) * total) / lanes));
      return lane(stage, index, share, toll);
    }),
  );
  return { reached: toll.reached, met: toll.isClean && toll.kernelsFins === 0, explained: toll.isClean };
};

export const randomFaults: Fault = {
  name: 'random',
  what: '500 random faults (SIGKILL, SIGSTOP, RST at byte N, connection killed from outside, black hole), half of the streams inside TLS',
  figure:
    'each stream whole or visibly failed: 0 short reads that end cleanly, 0 hangs beyond 35 s, neighbours untouched',
  minutes: 10,
  run,
};

const KILLS = 50;

/** How the streams of each door ended when this process was killed again and again, and how many ended short at the app. */
const killAgain = async (stage: Stage, victim: Victim): Promise<Record<Door, Tally> & { readonly atApp: number }> => {
  const chance = stage.chance(`killed ${victim}`);
  await using gateway = await Gateway.start({ stage });
  await using app = await TransferApp.start();
  await gateway.join();
  const tallies: Record<Door, Tally> = { plain: emptyTally(), tls: emptyTally() };
  const kills = stage.count(KILLS, 3);
  for (let number = 0; number < kills; number += 1) {
    const carried = (['plain', 'tls'] as const).flatMap((door) =>
      Array.from({ length: STREAMS }, async (_, index) => {
        const course = { number: (number * 2 + (door === 'tls' ? 1 : 0)) * STREAMS + index, local: 'home', door };
        tallies[door][await orHung(attempt(gateway, app.port, stage.seed, course))] += 1;
      }),
    );
    await pause(chance.below(200));
    await kill[victim](gateway);
    await Promise.all(carried);
    await untilSo(() => gateway.works(app.port), BACK_MS);
  }
  return { ...tallies, atApp: app.count('short') + app.count('spoilt') };
};

const killProcesses = async (stage: Stage): Promise<Outcome> => {
  const server = await killAgain(stage, 'server');
  const local = await killAgain(stage, 'local');
  const wrongOf = ({ short, spoilt, hung }: Tally): number => short + spoilt + hung;
  const said = (tally: Tally): string => `${wrongOf(tally)} of ${wrongOf(tally) + tally.whole + tally.failed}`;
  const kernels = wrongOf(server.plain) + local.atApp;
  const others = wrongOf(server.tls) + server.atApp + wrongOf(local.plain) + wrongOf(local.tls);
  const tell = (victim: Victim, { plain, tls, atApp }: typeof server): string =>
    `${victim} killed: short ${said(plain)} at the plain entry, ${said(tls)} inside TLS, ${atApp} at the app`;
  return {
    reached: `${tell('server', server)}; ${tell('local', local)} (the kernel's FIN)`,
    met: kernels + others === 0,
    explained: others === 0,
  };
};

export const processKilled: Fault = {
  name: 'killed-process',
  what: 'server, and then local, killed in the middle of 8 streams at the plain entry and 8 inside TLS, 50 times each',
  figure: '0 short reads that end cleanly',
  minutes: 3,
  run: killProcesses,
};
