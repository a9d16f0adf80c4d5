// npm run fuzz: whatever comes, to every pure codec and table, and to every port of a running depot.
//   npm run fuzz -- [--seed N] [--cases N] [--socket-cases N] [--from N] [--only PATTERN] [--short]
// The same seed tries the same cases; --from begins at a later one of each port, --short has
// fewer and many ports at the same time. Ends with 1 where something was found.

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { LINK } from './codecs/link.ts';
import { RULES } from './codecs/rules.ts';
import { SOCKS } from './codecs/socks.ts';
import { fuzzPorts } from './sockets/ports.ts';

const { values: options } = parseArgs({
  options: {
    'seed': { type: 'string' },
    'cases': { type: 'string' },
    'socket-cases': { type: 'string' },
    'from': { type: 'string', default: '0' },
    'only': { type: 'string', default: '' },
    'short': { type: 'boolean', default: false },
  },
});

const seed = Number(options.seed ?? randomInt(2 ** 31));
const cases = Number(options.cases ?? (options.short ? 20_000 : 1_000_000));
const socketCases = Number(options['socket-cases'] ?? (options.short ? 5000 : 1_000_000));
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const only = new RegExp(options.only);
const failures: string[] = [];
const attempt = async (name: string, act: () => string | Promise<string>): Promise<void> => {
  if (!only.test(name)) return;
  const startedMs = performance.now();
  try {
    const what = await act();
    say(`ok      ${name}: ${what} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  } catch (error) {
    failures.push(name);
    say(`FOUND   ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

say(`seed ${seed}`);
const properties = [...SOCKS, ...LINK, ...RULES];
const each = Math.ceil(cases / properties.length);
for (const { name, check } of properties) {
  await attempt(name, () => {
    check(seed, each);
    return `${each} cases`;
  });
}
if (socketCases > 0)
  await fuzzPorts({ seed, cases: socketCases, from: Number(options.from), together: options.short }, attempt);
say(failures.length === 0 ? 'nothing was found' : `found: ${failures.join('; ')}`);
process.exitCode = failures.length === 0 ? 0 : 1;
