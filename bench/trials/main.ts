// npm run bench:trials: ways to carry the bytes that depot does not go, beside the one it does. TLS on one side, plain on
// the other, in turn (A B C A B C …), medians. Prints a Markdown table.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { settleLoopback } from '../place.ts';
import { cpuSeconds, killTree } from '../processes.ts';
import { median } from '../results.ts';
import type { Direction, Ends, Job, Way } from './trial.ts';
import { WAYS } from './trial.ts';

const ROUNDS = 5;
const [RAMP_MS, MEASURED_MS] = [500, 1000];
const JOBS = (['down', 'up'] as const).flatMap((direction) => [1, 8].map((streams) => ({ direction, streams })));

const run = (file: string, argument: string): ChildProcess =>
  spawn(process.execPath, ['--no-warnings', path.join(import.meta.dirname, file), argument], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });

interface Figures {
  readonly mbPerSecond: number;
  readonly cpuSecondsPerGb: number;
}

const measure = async (way: Way, direction: Direction, streams: number): Promise<Figures> => {
  const ends = run('ends.ts', direction);
  const lines = createInterface({ input: ends.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  const counted = async (): Promise<number> => {
    ends.stdin?.write('\n');
    return Number(await next());
  };
  const job: Job = { way, direction, streams, ends: JSON.parse(await next()) as Ends };
  const relay = run('relay.ts', JSON.stringify(job));
  const broken = once(relay, 'exit').then(() => {
    throw new Error(`${way} ended`);
  });
  const figures = async (): Promise<Figures> => {
    while ((await counted()) === 0) await pause(10);
    await pause(RAMP_MS);
    const [bytes, started, cpu] = [await counted(), performance.now(), cpuSeconds([relay.pid as number])];
    await pause(MEASURED_MS);
    const gigabytes = ((await counted()) - bytes) / 1e9;
    const seconds = (performance.now() - started) / 1000;
    return {
      mbPerSecond: (gigabytes * 1000) / seconds,
      cpuSecondsPerGb: (cpuSeconds([relay.pid as number]) - cpu) / gigabytes,
    };
  };
  try {
    return await Promise.race([figures(), broken]);
  } finally {
    broken.catch(() => undefined);
    killTree(relay);
    killTree(ends);
  }
};

settleLoopback();
process.stdout.write(`Medians of ${ROUNDS} rounds, Node ${process.version}.\n\n`);
process.stdout.write('| | way | MB/s | × portable | CPU s/GB | × portable |\n| - | - | -: | -: | -: | -: |\n');
for (const { direction, streams } of JOBS) {
  const all = new Map<Way, Figures[]>(WAYS.map((way) => [way, []]));
  // With one stream there is nothing to share between threads.
  const ways = WAYS.filter((way) => way !== 'threads' || streams > 1);
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const way of ways) {
      const figures = await measure(way, direction, streams);
      if (round > 0) all.get(way)?.push(figures);
    }
  const of = (way: Way, key: keyof Figures): number => median((all.get(way) ?? []).map((figures) => figures[key]));
  for (const way of ways) {
    const [speed, cpu] = [of(way, 'mbPerSecond'), of(way, 'cpuSecondsPerGb')];
    const ratios = [speed / of('portable', 'mbPerSecond'), cpu / of('portable', 'cpuSecondsPerGb')];
    process.stdout.write(
      `| ${streams} ${direction} | ${way} | ${speed.toFixed(0)} | ${ratios[0]?.toFixed(2)} | ${cpu.toFixed(2)} | ${ratios[1]?.toFixed(2)} |\n`,
    );
  }
}
process.exit(0);
