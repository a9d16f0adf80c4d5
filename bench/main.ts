// npm run bench: depot and its peers on the same jobs, by the same client, against the same app, in turn (A B C A B C …).
// Keeps the figures of each scenario in a file; `npm run bench:report` makes tables and plots of them.
//   npm run bench -- [--scenarios bulk,ping] [--only depot,direct | --only all] [--rounds 5] [--out FILE] [--plan]

import { mkdtempSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CONTESTANTS } from './contestants/all.ts';
import { type Contestant, isThere, type Running, versionOf } from './contestants/contestant.ts';
import type { Figures } from './jobs.ts';
import { measure, measureFresh, removeFiles, type Stage, start, startApp, stop } from './measure.ts';
import { canGoFar, type FarLink, farApart, NETWORK_SETTINGS, onLoopback, settleLoopback } from './place.ts';
import { killTree } from './processes.ts';
import { keepResult, LATEST, type Result, summarize } from './results.ts';
import { expectedSeconds, GROUPS, roundsOf, type Scenario, SCENARIOS, warmsUp } from './scenarios.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    scenarios: { type: 'string', default: GROUPS.join(',') },
    out: { type: 'string', default: LATEST },
    plan: { type: 'boolean', default: false },
  },
});

const say = (text: string): boolean => process.stderr.write(`${text}\n`);

const chosenContestants = (): readonly Contestant[] => {
  const { only } = options;
  const wanted = only === undefined || only === 'all' ? undefined : only.split(',');
  const unknown = wanted?.filter((name) => !CONTESTANTS.some((contestant) => contestant.name === name)) ?? [];
  if (unknown.length > 0)
    throw new Error(`no contestant ${unknown.join(', ')}; there are ${CONTESTANTS.map(({ name }) => name).join(', ')}`);
  const named = CONTESTANTS.filter(({ name, usual }) => wanted?.includes(name) ?? (usual || only === 'all'));
  for (const { name, needs } of named)
    if (!needs.every(isThere))
      say(`${name} is left out: ${needs.filter((need) => !isThere(need)).join(', ')} not found`);
  return named.filter(({ needs }) => needs.every(isThere));
};

const chosenScenarios = (): readonly Scenario[] => {
  const wanted = options.scenarios.split(',');
  const unknown = wanted.filter((name) => !GROUPS.some((group) => group === name));
  if (unknown.length > 0) throw new Error(`no scenarios ${unknown.join(', ')}; there are ${GROUPS.join(', ')}`);
  const named = SCENARIOS.filter(({ group }) => wanted.includes(group));
  if (canGoFar() || !named.some(({ link }) => link !== undefined)) return named;
  say('the far link is left out: it needs network namespaces and gcc');
  return named.filter(({ link }) => link === undefined);
};

const takesPart = (scenario: Scenario, { far, udp, watched, mark, name }: Contestant): boolean => {
  if (scenario.link !== undefined) return far;
  if (scenario.group === 'udp') return udp === true;
  if (scenario.group === 'watch') return watched === true;
  if (scenario.group === 'start') return mark === undefined;
  return name !== 'direct' || scenario.fresh === undefined;
};

const repetitions = (scenario: Scenario): number =>
  roundsOf(scenario, Number(options.rounds)) + (warmsUp(scenario) && Number(options.rounds) > 1 ? 1 : 0);

const estimateMinutes = (scenarios: readonly Scenario[], contestants: readonly Contestant[]): number => {
  const seconds = scenarios.map(
    (scenario) =>
      expectedSeconds(scenario) *
      repetitions(scenario) *
      contestants.filter((contestant) => takesPart(scenario, contestant)).length,
  );
  return seconds.reduce((sum, each) => sum + each, 0) / 60;
};

/** What is measured takes turns; the first round warms up and does not count, unless it is the only one. */
const measureInTurn = async (
  scenario: Scenario,
  stage: Stage,
  running: ReadonlyMap<Contestant, Running>,
): Promise<Record<string, Figures[]>> => {
  const figures: Record<string, Figures[]> = {};
  const total = repetitions(scenario);
  const counted = roundsOf(scenario, Number(options.rounds));
  for (let round = 0; round < total; round += 1) {
    for (const [contestant, one] of running) {
      if (!takesPart(scenario, contestant)) continue;
      try {
        const result = await (scenario.fresh
          ? measureFresh(scenario, stage, contestant)
          : measure(scenario, stage, one));
        if (round >= total - counted) (figures[contestant.name] ??= []).push(result);
      } catch (error) {
        say(`${scenario.name}, ${contestant.name}: ${String(error)}`);
      }
    }
  }
  return figures;
};

const ownNetwork = settleLoopback() && process.env['DEPOT_BENCH_PRIVATE'] === '1';

const resultOf = (
  { group, link }: Scenario,
  contestants: readonly Contestant[],
  raw: Record<string, Figures[]>,
): Result => ({
  group,
  date: new Date().toISOString().slice(0, 10),
  rounds: Math.max(0, ...Object.values(raw).map(({ length }) => length)),
  machine: {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    node: process.version,
  },
  ...(ownNetwork && { network: NETWORK_SETTINGS }),
  ...(link !== undefined && { link }),
  versions: Object.fromEntries(
    contestants.flatMap((contestant) => {
      const version = raw[contestant.name] === undefined ? undefined : versionOf(contestant);
      return version === undefined ? [] : [[contestant.name, version]];
    }),
  ),
  figures: Object.fromEntries(Object.entries(raw).map(([name, rounds]) => [name, summarize(rounds)])),
});

/** All scenarios that share a link, on one stage. */
const runOn = async (
  link: FarLink | undefined,
  scenarios: readonly Scenario[],
  contestants: readonly Contestant[],
): Promise<void> => {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-bench-'));
  const place = link === undefined ? onLoopback() : await farApart(link, directory);
  const stage = { place, directory, app: await startApp(place), besideApp: await startApp(place) };
  const running = new Map<Contestant, Running>();
  const none: Running = { reach: ({ port }) => ({ host: '127.0.0.1', port }), processes: {} };
  const anybodyStays = scenarios.some(({ fresh }) => fresh === undefined);
  try {
    for (const contestant of contestants) {
      if (scenarios.some((scenario) => takesPart(scenario, contestant)))
        running.set(contestant, anybodyStays ? await start(contestant, stage) : none);
    }
    for (const scenario of scenarios) {
      const raw = await measureInTurn(scenario, stage, running);
      keepResult(options.out, scenario.name, resultOf(scenario, contestants, raw));
      say(`${scenario.name}: ${summaryOf(raw)}`);
    }
  } finally {
    for (const one of running.values()) stop(one);
    for (const { child } of [stage.app, stage.besideApp]) killTree(child);
    place.close();
    removeFiles(stage);
  }
};

const summaryOf = (raw: Record<string, Figures[]>): string =>
  Object.entries(raw)
    .map(([name, rounds]) => {
      const { median } = summarize(rounds);
      const shown = Object.entries(median).map(([unit, value]) => `${unit} ${Number(value.toPrecision(3))}`);
      return `\n  ${name}: ${shown.join(', ')}`;
    })
    .join('');

const [contestants, scenarios] = [chosenContestants(), chosenScenarios()];
if (!ownNetwork) say('without a network of its own: the settings of this machine count');
say(
  `about ${estimateMinutes(scenarios, contestants).toFixed(1)} min: ${contestants.map(({ name }) => name).join(', ')}`,
);
if (!options.plan)
  for (const together of Map.groupBy(scenarios, ({ link }) => JSON.stringify(link)).values())
    await runOn(together[0]?.link, together, contestants);
