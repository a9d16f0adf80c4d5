// npm run bench: depot and its peers on the same jobs, by the same client, against the same app, in turn (A B C A B C …).
// Prints medians as a Markdown table and keeps all figures as JSON.
//   npm run bench -- [--rounds 5] [--only depot,direct] [--scenarios bulk,requests,ping,idle,start] [--out FILE]

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { connect, type Target } from './socks-client.ts';
import { type Contestant, CONTESTANTS, freePort, isThere, type Running, startDepot } from './contestants.ts';
import type { Figures, Job } from './load.ts';
import { cpuSeconds, residentKib } from './processes.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    scenarios: { type: 'string', default: 'bulk,requests,ping,idle,start' },
    out: { type: 'string' },
  },
});

/** A job without its target, which every contestant fills in. */
type Work = Job extends infer J
  ? J extends unknown
    ? Omit<J, 'socksPort' | 'appPort' | 'user' | 'password'>
    : never
  : never;

interface Scenario {
  readonly group: string;
  readonly name: string;
  readonly work: Work;
  /** What the processor time is divided by, and how that is called. */
  readonly per?: { readonly unit: string; readonly of: number };
  readonly rounds?: number;
  /** Bulk downloads that run beside, from a client and an app of their own. */
  readonly floods?: number;
}

const GB = 1e9;
const bulk = (name: string, direction: 'down' | 'up' | 'both', streams: number): Scenario => ({
  group: 'bulk',
  name,
  work: { kind: 'bulk', direction, streams, bytes: Math.round(GB / streams) },
  per: { unit: 'cpuSecondsPerGb', of: direction === 'both' ? 2 : 1 },
});
const requests = (concurrency: number, count: number): Scenario => ({
  group: 'requests',
  name: `requests, ${concurrency} at a time`,
  work: { kind: 'requests', concurrency, count },
  per: { unit: 'cpuMsPerRequest', of: count / 1000 },
});

const PING = { kind: 'ping', pings: 300 } as const;

const SCENARIOS: readonly Scenario[] = [
  bulk('1 stream down', 'down', 1),
  bulk('1 stream up', 'up', 1),
  bulk('8 streams down', 'down', 8),
  bulk('8 streams up', 'up', 8),
  bulk('4 streams both ways', 'both', 4),
  requests(1, 200),
  requests(16, 3000),
  requests(128, 3000),
  { group: 'ping', name: 'ping alone', work: PING },
  { group: 'ping', name: 'ping beside 1 bulk stream', work: PING, floods: 1 },
  { group: 'ping', name: 'ping beside 8 bulk streams', work: PING, floods: 8 },
  { group: 'idle', name: '9000 idle streams', work: { kind: 'idle', streams: 9000 }, rounds: 1 },
];

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const linesOf = (child: ChildProcess): AsyncIterator<string> => {
  if (child.stdout === null) throw new Error('a child without output');
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
};

/** Starts an app and resolves with its port. */
const startApp = async (): Promise<{ readonly child: ChildProcess; readonly port: number }> => {
  const child = spawnNode('app.ts');
  const { value } = await linesOf(child).next();
  return { child, port: (JSON.parse(value as string) as { port: number }).port };
};

const LONGEST_JOB_MS = 180_000;

const spawnNode = (file: string): ChildProcess =>
  spawn(process.execPath, [path.join(import.meta.dirname, file)], { stdio: ['pipe', 'pipe', 'inherit'] });

const pidsOf = ({ processes }: Running): number[] => Object.values(processes).flatMap(({ pid }) => pid ?? []);

/** Runs `work` while so many downloads run beside it; how fast those were is among the figures. */
const beside = async (streams: number, target: Target, work: () => Promise<Figures>): Promise<Figures> => {
  const load = spawnNode('load.ts');
  const lines = linesOf(load);
  try {
    load.stdin?.write(`${JSON.stringify({ ...target, kind: 'flood', streams })}\n`);
    await lines.next();
    const figures = await work();
    load.stdin?.write('stop\n');
    const { value } = await lines.next();
    return { ...figures, besideMbPerSecond: (JSON.parse(value as string) as Figures)['mbPerSecond'] ?? Number.NaN };
  } finally {
    load.kill('SIGKILL');
  }
};

/** One job in a fresh load generator; with the contestant's memory while an idle job holds its streams. */
const measure = async (scenario: Scenario, running: Running): Promise<Figures> => {
  const { per, work } = scenario;
  const memory = (): Record<string, number> => {
    const roles = Object.entries(running.processes).flatMap(([role, { pid }]) =>
      pid === undefined ? [] : [[role, residentKib(pid)] as const],
    );
    return Object.fromEntries(roles);
  };
  const before = cpuSeconds(pidsOf(running));
  const empty = memory();
  const load = spawnNode('load.ts');
  const limit = setTimeout(() => load.kill('SIGKILL'), LONGEST_JOB_MS);
  try {
    load.stdin?.write(`${JSON.stringify({ ...running.target, ...work })}\n`);
    const { value } = await linesOf(load).next();
    const figures = JSON.parse(value as string) as Figures;
    const used = cpuSeconds(pidsOf(running)) - before;
    const held =
      work.kind === 'idle'
        ? Object.entries(memory()).map(([role, kib]) => [
            `${role}KibPerStream`,
            (kib - (empty[role] ?? 0)) / work.streams,
          ])
        : [];
    return { ...figures, ...(per && { [per.unit]: used / per.of }), ...Object.fromEntries(held) };
  } finally {
    clearTimeout(limit);
    load.kill('SIGKILL');
  }
};

/** How long until depot listens, and until the first byte has come through a server and a local that were just started. */
const measureStart = async (appPort: number): Promise<Figures> => {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-bench-'));
  const [socksPort, controlPort] = [await freePort(), await freePort()];
  const ports = ['--host', '127.0.0.1', '--socks-port', String(socksPort), '--control-port', String(controlPort)];
  const home = (role: string): string[] => ['--home', path.join(directory, role)];
  const started = performance.now();
  const server = await startDepot(['server', ...home('server'), ...ports], /curl/);
  const listeningMs = performance.now() - started;
  const [link] = /depot:\/\/[^']+/.exec(server.output) ?? [''];
  const [, password] = /password\s+(\S+)/.exec(server.output) ?? [];
  const joined = performance.now();
  const local = await startDepot(['local', ...home('local'), link], /connected to/);
  const answered = Promise.withResolvers<void>();
  const target = { socksPort, appPort, user: 'owner', password: password ?? '' };
  const socket = await connect(target, () => answered.resolve());
  socket.write('E\n!');
  await answered.promise;
  socket.destroy();
  const firstByteMs = performance.now() - joined;
  server.child.kill('SIGKILL');
  local.child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
  return { listeningMs, firstByteMs };
};

const format = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

type Results = Record<string, Record<string, Record<string, number>>>;

const markdown = (results: Results, names: readonly string[]): string => {
  const lines: string[] = [];
  for (const [scenario, byContestant] of Object.entries(results)) {
    const units = [...new Set(Object.values(byContestant).flatMap((figures) => Object.keys(figures)))].filter(
      (unit) => unit !== 'seconds',
    );
    lines.push(`### ${scenario}`, '', `| | ${units.join(' | ')} |`, `| --- |${' ---: |'.repeat(units.length)}`);
    for (const name of names) {
      const figures = byContestant[name];
      if (figures !== undefined)
        lines.push(
          `| ${name} | ${units.map((unit) => (figures[unit] === undefined ? '–' : format(figures[unit]))).join(' | ')} |`,
        );
    }
    lines.push('');
  }
  return lines.join('\n');
};

const main = async (): Promise<void> => {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-bench-'));
  const { child: app, port: appPort } = await startApp();
  const { child: floodApp, port: floodPort } = await startApp();
  const wanted = options.only?.split(',');
  const chosen = CONTESTANTS.filter(
    ({ name, needs }) => (wanted === undefined || wanted.includes(name)) && needs.every(isThere),
  );
  const running = new Map<Contestant, Running>();
  const raw: Record<string, Record<string, Figures[]>> = {};
  try {
    for (const contestant of chosen) {
      const place = path.join(directory, contestant.name.replaceAll(/\W+/g, '-'));
      mkdirSync(place, { mode: 0o700 });
      const started = await contestant.start(place, appPort);
      running.set(contestant, {
        ...started,
        target: { ...started.target, appPort: started.target.appPort || appPort },
      });
    }
    const groups = options.scenarios.split(',');
    for (const scenario of SCENARIOS.filter(({ group }) => groups.includes(group))) {
      const figures: Record<string, Figures[]> = {};
      const rounds = Math.min(Number(options.rounds), scenario.rounds ?? Number(options.rounds));
      // The first round warms up and does not count, unless it is the only one.
      for (let round = rounds === 1 ? 1 : 0; round <= rounds; round += 1) {
        for (const [{ name }, contestant] of running) {
          const { floods } = scenario;
          // What has no SOCKS port leads to one app only.
          const floodTarget =
            name === 'direct' || contestant.target.socksPort !== undefined
              ? { ...contestant.target, appPort: floodPort }
              : contestant.target;
          const work = (): Promise<Figures> => measure(scenario, contestant);
          const result = await (floods === undefined ? work() : beside(floods, floodTarget, work)).catch(
            (error: unknown) => {
              process.stderr.write(`${scenario.name}, ${name}: ${String(error)}\n`);
            },
          );
          if (round > 0 && result !== undefined) (figures[name] ??= []).push(result);
        }
      }
      raw[scenario.name] = figures;
      process.stderr.write(`${scenario.name}: done\n`);
    }
    if (groups.includes('start')) {
      const starts: Figures[] = [];
      for (let round = 0; round < Number(options.rounds); round += 1) starts.push(await measureStart(appPort));
      raw['start'] = { depot: starts };
    }
  } finally {
    for (const { processes } of running.values()) for (const child of Object.values(processes)) child.kill('SIGKILL');
    app.kill('SIGKILL');
    floodApp.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
  const results: Results = {};
  for (const [scenario, byContestant] of Object.entries(raw)) {
    results[scenario] = Object.fromEntries(
      Object.entries(byContestant).map(([name, rounds]) => {
        const units = Object.keys(rounds[0] ?? {});
        return [
          name,
          Object.fromEntries(units.map((unit) => [unit, median(rounds.map((figures) => figures[unit] ?? Number.NaN))])),
        ];
      }),
    );
  }
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    kernel: release(),
    node: process.version,
    rounds: Number(options.rounds),
  };
  process.stdout.write(
    `${markdown(
      results,
      chosen.map(({ name }) => name),
    )}\n`,
  );
  if (options.out !== undefined)
    writeFileSync(options.out, `${JSON.stringify({ machine, medians: results, raw }, null, 1)}\n`);
};

await main();
