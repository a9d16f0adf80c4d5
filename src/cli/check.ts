// depot check

import { Command } from 'commander';
import type { CheckQuestion, CheckResult, CheckStepName } from '../watch/check.ts';
import { askRunning } from './admin-client.ts';
import type { Toned } from './layout.ts';
import { paint, print, printJson, sentence, table } from './output.ts';
import { homeOption } from './settings.ts';

const FAILED = 1;

const TITLES: Readonly<Record<CheckStepName, string>> = {
  'identity': 'identity',
  'route': 'route',
  'server-rules': "server's rules",
  'dns': 'DNS at the local',
  'local-rules': "local's rules",
  'dial': 'dial',
  'first-byte': 'first byte',
};
const VERDICTS = {
  passed: { text: 'ok', tone: 'good' },
  failed: { text: 'FAILED', tone: 'bad' },
  skipped: { text: '-', tone: 'quiet' },
} as const satisfies Record<string, Toned>;

const describe = ({ target, user, local, allowed, reply, steps }: CheckResult): string => {
  const advice = steps.flatMap((step) => (step.advice === null ? [] : [step.advice]));
  const who = user === null ? '' : ` as ${user}`;
  const through = local === null ? '' : ` through ${local}`;
  return [
    table({
      head: ['STEP', 'VERDICT', 'TIME', 'WHY'],
      rows: steps.map(({ step, verdict, ms, reason }) => [
        TITLES[step],
        VERDICTS[verdict],
        ms === null ? '-' : `${ms.toFixed(1)} ms`,
        reason,
      ]),
    }),
    '',
    sentence(
      `${target}${who}${through}: ${allowed ? paint('good', 'can be reached') : paint('bad', 'cannot be reached')} (REP ${reply})`,
    ),
    ...advice.map(sentence),
  ].join('\n');
};

export const checkCommand = (): Command =>
  new Command('check')
    .addHelpText(
      'after',
      '\nExamples:\n  depot check nas.depot:9091\n  depot check http://printer.lan/ --local office --user alice',
    )
    .argument('<target>', 'HOST:PORT as a client would ask for it, such as nas.depot:9091, or a URL')
    .description(
      'Tries a target the way a stream goes, and says of each step how it went and, where it failed, what to change. Ends with 1 where it failed.',
    )
    .option('--user <user>', 'whose rules and limits count (default: those of no user)')
    .option('--local <local>', 'the local or group to ask, where the target does not name one')
    .option('--from <address>', 'where the client comes from (default: from where the user may come)')
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .action(
      async (target: string, { home, json, ...who }: { home: string; json?: true } & Omit<CheckQuestion, 'target'>) => {
        const result = await askRunning(home, (client) => client.check({ target, ...who }));
        if (json === true) printJson(result);
        else print(describe(result));
        if (result.steps.some(({ verdict }) => verdict === 'failed')) process.exitCode = FAILED;
      },
    );
