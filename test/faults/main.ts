// npm run faults: what depot promises when things break, each promise with its figure, as one table in Markdown.
//   npm run faults -- [--seed N] [--only NAME,NAME] [--scale 0.1 | --short] [--out FILE]
// The same seed does the same. --scale does a part of each test, with the timers that depot has by default. --short is
// for CI: a twentieth of each, on one loopback, with the timers of depot cut to a tenth. Ends with 1 where a figure was
// not reached, but for what docs/reliability.md explains. --out writes the rows into a file, beside those of other tests that are there.

import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { settleLoopback } from '../../bench/place.ts';
import { type Fault, type Outcome, Stage } from './fault.ts';
import { descriptors, halfOpen } from './tests/crowds.ts';
import { localKilled, rivalLocals } from './tests/locals.ts';
import { churning, duplexEcho, idleStreams, stoppedReaders } from './tests/many.ts';
import { processKilled, randomFaults } from './tests/random.ts';
import { blackHole, serverRestart } from './tests/restarts.ts';
import { transfers } from './tests/transfers.ts';

const FAULTS: readonly Fault[] = [
  transfers,
  randomFaults,
  processKilled,
  serverRestart,
  blackHole,
  localKilled,
  rivalLocals,
  halfOpen,
  descriptors,
  stoppedReaders,
  idleStreams,
  duplexEcho,
  churning,
];
const SHORT_SCALE = 0.02;
const BEGIN = '<!-- figures: written by npm run faults -->';
const END = '<!-- end of figures -->';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string' },
    only: { type: 'string' },
    scale: { type: 'string', default: '1' },
    short: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});

const say = (text: string): boolean => process.stderr.write(`${text}\n`);
const seed = Number(options.seed ?? randomInt(2 ** 31));
const stage = new Stage(seed, options.short ? SHORT_SCALE : Number(options.scale), options.short);

const chosen = (): readonly Fault[] => {
  const wanted = options.only?.split(',') ?? FAULTS.map(({ name }) => name);
  const unknown = wanted.filter((name) => !FAULTS.some((fault) => fault.name === name));
  if (unknown.length > 0)
    throw new Error(`no test ${unknown.join(', ')}; there are ${FAULTS.map(({ name }) => name).join(', ')}`);
  return FAULTS.filter(({ name }) => wanted.includes(name));
};

const attempt = async ({ name, run }: Fault): Promise<Outcome> => {
  const startedMs = performance.now();
  const outcome: Outcome = await run(stage).catch((error: unknown) => ({
    reached: `the test broke: ${String(error)}`,
    met: false,
  }));
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  say(`${outcome.met ? 'reached    ' : 'NOT REACHED'} ${name} (${seconds} s): ${outcome.reached}`);
  return outcome;
};

const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, Linux ${release()}, Node ${process.version}`;
const amount = options.short ? 'short form' : stage.scale === 1 ? 'in full' : `${stage.scale * 100} %`;
const thisRun = `${amount}, seed ${seed}, ${new Date().toISOString().slice(0, 10)}`;

const rowOf = ({ what, figure }: Fault, { reached, met }: Outcome): string => {
  const cells = [what, figure, reached, met ? 'yes' : '**no**', thisRun];
  return `| ${cells.map((cell) => cell.replaceAll(/[|\n]/g, ' ')).join(' | ')} |`;
};

/** The rows that an earlier run has written, by what was done. */
const earlierRows = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/^\| (.*?) +\|.*$/gm)].map(([row, what = '']) => [what, row]));

/** What will be done, and about how long it takes. */
const planOf = (faults: readonly Fault[]): string => {
  if (stage.short) return `plan: ${faults.map(({ name }) => name).join(', ')}, in the short form`;
  const minutes = faults.reduce((sum, fault) => sum + fault.minutes, 0) * stage.scale;
  const each = faults.map(({ name, minutes: ownMinutes }) => `${name} ${ownMinutes}`).join(', ');
  return `plan: about ${Math.ceil(minutes)} minutes (in full: ${each})`;
};

say(`seed ${seed}`);
say(planOf(chosen()));
settleLoopback();
const rows = new Map<string, string>();
let missed = 0;
for (const fault of chosen()) {
  const outcome = await attempt(fault);
  rows.set(fault.what, rowOf(fault, outcome));
  if (!outcome.met && outcome.explained !== true) missed += 1;
}

const tableOf = (earlier: ReadonlyMap<string, string>): string =>
  [
    `${machine}.`,
    '',
    '| test | figure to reach | reached | met | run |',
    '| --- | --- | --- | --- | --- |',
    ...FAULTS.flatMap(({ what }) => rows.get(what) ?? earlier.get(what) ?? []),
  ].join('\n');
if (options.out === undefined) process.stdout.write(`${tableOf(new Map())}\n`);
else {
  const text = readFileSync(options.out, 'utf8');
  const [head = '', rest = ''] = text.split(BEGIN);
  const [table = '', tail = ''] = rest.split(END);
  writeFileSync(options.out, `${head}${BEGIN}\n\n${tableOf(earlierRows(table))}\n\n${END}${tail}`);
}
// What a broken test left open keeps nobody waiting.
process.exit(missed === 0 ? 0 : 1);
