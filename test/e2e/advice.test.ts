// What is said to a command line with a slip in it: on standard error, with exit code 2, and nothing on standard output.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { depot } from '../support/cli.ts';

const complaint = async (line: string): Promise<string> => {
  const { code, stdout, stderr } = await depot(line.split(' '));
  assert.deepEqual([code, stdout], [2, '']);
  return stderr;
};

describe('what may have been meant is named', () => {
  const slips = {
    // Settings that --help does not show are known all the same.
    'server --tunnels-mni 3': '--tunnels-min',
    'config show server --tunnels-mni=3': '--tunnels-min',
    'user add alice --lcals nas': '--locals',
    // An option of the command above.
    'locals revoke nas --hoem /tmp': '--home',
    'statsu': 'status',
    'user ad alice': 'add',
    'config show servr': 'server',
    // These do something without a command, too.
    'locals revok nas': 'revoke',
    'clients revke alice/laptop': 'revoke',
    'help statsu': 'status',
    'user help ad': 'add',
  };
  for (const [line, meant] of Object.entries(slips))
    test(`depot ${line}`, async () => assert.ok((await complaint(line)).endsWith(`\n(Did you mean ${meant}?)\n`)));
});

describe('where nothing is near, the help of that command is', () => {
  const mistakes = {
    'nonsense': 'depot',
    'user add': 'depot user add',
    'invite a b': 'depot invite',
    'server --socks-port high': 'depot server',
    'server --quite-another-thing': 'depot server',
  };
  for (const [line, command] of Object.entries(mistakes))
    test(`depot ${line}`, async () =>
      assert.ok((await complaint(line)).endsWith(`\n(${command} --help shows what there is)\n`)));
});

test('a slip beside a join link does not repeat the link', async () => {
  const secret = 'S'.repeat(43);
  assert.ok(!(await complaint(`local depot://${secret}@host:1/home#${'F'.repeat(43)} too-much`)).includes('SSSS'));
});
