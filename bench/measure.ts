// Measures one contestant in one scenario, once: load processes on one side, the kernel's account of the contestant's
// processes on the other.

import { type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Contestant, Running } from './contestants/contestant.ts';
import type { Figures, Work } from './jobs.ts';
import type { App, Place, Side } from './place.ts';
import { cpuSeconds, killTree, residentKib } from './processes.ts';
import { PAIRS, type Scenario } from './scenarios.ts';
import type { Target } from './socks-client.ts';
import { median } from './results.ts';
import { Talker } from './talker.ts';

/** Memory is read, and bulk is over, some time after the last byte. */
const SETTLE_MS = 300;
const HOLDING_PROCESSES = 3;

const spawnNode = (side: Side, file: string, ...args: string[]): ChildProcess =>
  side.spawn(process.execPath, [path.join(import.meta.dirname, file), ...args], 'pipe');

const startLoad = (place: Place, target: Target, work: Work): Talker => {
  const load = new Talker(spawnNode(place.server, 'load.ts'));
  load.say({ target, work });
  return load;
};

export interface RunningApp extends App {
  readonly child: ChildProcess;
}

/** On the private side; where that has a network of its own, for whoever reaches it directly too. */
export const startApp = async (place: Place): Promise<RunningApp> => {
  const child = spawnNode(place.local, 'app.ts', place.local === place.server ? '127.0.0.1' : '0.0.0.0');
  const { port } = await new Talker(child).hear();
  return { child, port: port ?? 0 };
};

/** Where a scenario takes place, with an app for what is measured and one for what runs beside. */
export interface Stage {
  readonly place: Place;
  readonly app: RunningApp;
  readonly besideApp: RunningApp;
  /** For the files of contestants. */
  readonly directory: string;
}

export const start = async (contestant: Contestant, { place, directory, app }: Stage): Promise<Running> =>
  contestant.start(place, mkdtempSync(path.join(directory, `${contestant.name.replaceAll(/\W+/g, '-')}-`)), app);

export const stop = ({ processes }: Running): void => Object.values(processes).forEach(killTree);

const pidsOf = ({ processes }: Running): number[] => Object.values(processes).flatMap(({ pid }) => pid ?? []);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The job itself, with what it cost. */
const doJob = async ({ work, link }: Scenario, stage: Stage, running: Running): Promise<Figures> => {
  const appPids = [stage.app.child.pid ?? 0];
  using load = new Talker(spawnNode(stage.place.server, 'load.ts'));
  const [before, appBefore] = [cpuSeconds(pidsOf(running)), cpuSeconds(appPids)];
  load.say({ target: running.reach(stage.app), work });
  const { seconds = Number.NaN, gigabytes, requests, ...figures } = await load.hear(work.seconds);
  const used = cpuSeconds(pidsOf(running)) - before;
  return {
    ...figures,
    appCores: (cpuSeconds(appPids) - appBefore) / seconds,
    ...(gigabytes !== undefined && { cpuSecondsPerGb: used / gigabytes }),
    ...(requests !== undefined && { cpuMsPerRequest: (used * 1000) / requests }),
    ...(link !== undefined &&
      figures['setUpP50Ms'] !== undefined && { setUpRoundTrips: figures['setUpP50Ms'] / link.roundTripMs }),
  };
};

/** Runs `work` while so many downloads run beside it; how fast those were is among the figures. */
const besideFloods = async (
  streams: number,
  stage: Stage,
  running: Running,
  work: () => Promise<Figures>,
): Promise<Figures> => {
  using load = startLoad(stage.place, running.reach(stage.besideApp), { kind: 'flood', streams });
  await load.hear();
  const figures = await work();
  load.say('stop');
  const { mbPerSecond = Number.NaN } = await load.hear();
  return { ...figures, besideMbPerSecond: mbPerSecond };
};

/** Runs `work` by itself and then beside datagrams: what these take from it is the difference. */
const besideDatagrams = async (
  perSecond: number,
  stage: Stage,
  running: Running,
  work: () => Promise<Figures>,
): Promise<Figures> => {
  const { mbPerSecond: alone = Number.NaN } = await work();
  await pause(SETTLE_MS);
  using load = startLoad(stage.place, running.reach(stage.besideApp), { kind: 'datagrams', perSecond });
  await load.hear();
  const { mbPerSecond = Number.NaN } = await work();
  load.say('stop');
  const { datagramsPerSecond = Number.NaN, datagramsBackPercent = Number.NaN } = await load.hear();
  return {
    aloneMbPerSecond: alone,
    besideDatagramsMbPerSecond: mbPerSecond,
    leftPercent: (mbPerSecond / alone) * 100,
    datagramsPerSecond,
    datagramsBackPercent,
  };
};

const SPEEDS = ['mbPerSecond', 'perSecond'] as const;

/** Runs `work` without and with dashboards in turn; the share that is left is the median of the pairs' shares. */
const besideDashboards = async (
  dashboards: number,
  stage: Stage,
  running: Running,
  work: () => Promise<Figures>,
): Promise<Figures> => {
  const socket = running.adminSocket;
  if (socket === undefined) throw new Error('nothing to watch');
  const [without, beside, events]: [number[], number[], number[]] = [[], [], []];
  const speedOf = (figures: Figures): number => figures['mbPerSecond'] ?? figures['perSecond'] ?? Number.NaN;
  const watched = async (): Promise<Figures> => {
    using load = startLoad(stage.place, running.reach(stage.app), { kind: 'watch', dashboards, socket });
    await load.hear();
    // The beginning is told once; what it costs to go on watching is asked here.
    await pause(1000);
    const figures = await work();
    load.say('stop');
    events.push((await load.hear())['eventsKbPerSecond'] ?? Number.NaN);
    return figures;
  };
  let unit = '';
  await work();
  for (let pair = 0; pair < PAIRS; pair += 1) {
    // Who is first takes turns as well.
    const both = pair % 2 === 0 ? [work, watched] : [watched, work];
    for (const run of both) {
      const figures = await run();
      unit = SPEEDS.find((speed) => figures[speed] !== undefined) ?? '';
      (run === work ? without : beside).push(speedOf(figures));
      await pause(SETTLE_MS);
    }
  }
  const shares = beside.map((speed, index) => (speed / (without[index] ?? Number.NaN)) * 100);
  const named = (what: string): string => `${what}${unit.charAt(0).toUpperCase()}${unit.slice(1)}`;
  return {
    [named('unwatched')]: median(without),
    [named('watched')]: median(beside),
    watchedPercent: median(shares),
    watchedPercentLeast: Math.min(...shares),
    watchedPercentMost: Math.max(...shares),
    eventsKbPerSecond: median(events),
  };
};

const memoryOf = ({ processes }: Running): [role: string, kib: number][] =>
  Object.entries(processes).map(([role, child]) => [role, child.pid === undefined ? 0 : residentKib(child.pid)]);

/** Runs `work` while so many idle streams stand, and says what they cost. */
const besideHeld = async (
  streams: number,
  stage: Stage,
  running: Running,
  work: () => Promise<Figures>,
): Promise<Figures> => {
  const empty = new Map(memoryOf(running));
  const share = { kind: 'hold', streams: Math.ceil(streams / HOLDING_PROCESSES) } as const;
  using stack = new DisposableStack();
  const loads = Array.from({ length: HOLDING_PROCESSES }, () =>
    stack.use(startLoad(stage.place, running.reach(stage.app), share)),
  );
  const setUps = await Promise.all(loads.map((load) => load.hear(60)));
  await pause(SETTLE_MS * 3);
  const memory = memoryOf(running).flatMap(([role, kib]) => [
    [`${role}KibPerStream`, (kib - (empty.get(role) ?? 0)) / streams] as const,
    [`${role}MibInAll`, kib / 1024] as const,
  ]);
  const measured = await work();
  for (const load of loads) load.say('stop');
  const ends = await Promise.all(loads.map((load) => load.hear()));
  const lost = ends.reduce((sum, end) => sum + (end['lost'] ?? 0), 0);
  if (lost > 0) throw new Error(`${lost} of the idle streams were closed`);
  const setUpSeconds = Math.max(...setUps.map((figures) => figures['setUpSeconds'] ?? Number.NaN));
  return { setUpSeconds, ...Object.fromEntries(memory), ...measured };
};

/** What is of interest beside idle streams. */
const heldFigures = (work: () => Promise<Figures>) => async (): Promise<Figures> => {
  const { setUpP50Ms = Number.NaN, setUpP99Ms = Number.NaN, loadCores = Number.NaN } = await work();
  return { setUpP50Ms, setUpP99Ms, loadCores };
};

/** One measurement of a contestant that runs. */
export const measure = async (scenario: Scenario, stage: Stage, running: Running): Promise<Figures> => {
  const work = (): Promise<Figures> => doJob(scenario, stage, running);
  const { floods, datagrams, holds, dashboards } = scenario;
  const beside =
    dashboards === undefined
      ? heldFigures(work)
      : (): Promise<Figures> => besideDashboards(dashboards, stage, running, work);
  const figures =
    floods !== undefined
      ? await besideFloods(floods, stage, running, work)
      : datagrams !== undefined
        ? await besideDatagrams(datagrams, stage, running, work)
        : holds !== undefined
          ? await besideHeld(holds, stage, running, beside)
          : await work();
  await pause(SETTLE_MS);
  return figures;
};

/** One measurement of a contestant that is started for it. */
export const measureFresh = async (scenario: Scenario, stage: Stage, contestant: Contestant): Promise<Figures> => {
  const running = await start(contestant, stage);
  try {
    if (scenario.group !== 'start') return await measure(scenario, stage, running);
    if (running.startUp === undefined) throw new Error('nothing was started');
    const { listeningMs, localStartedAt } = running.startUp;
    // The client's own start is no part of it.
    const reachedMs = performance.now() - localStartedAt;
    const { firstByteP50Ms = Number.NaN } = await doJob(scenario, stage, running);
    return { listeningMs, firstByteMs: reachedMs + firstByteP50Ms };
  } finally {
    stop(running);
  }
};

export const removeFiles = ({ directory }: Stage): void => rmSync(directory, { recursive: true, force: true });
