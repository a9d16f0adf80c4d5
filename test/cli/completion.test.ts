// depot completion: what is suggested, and that real shells complete it when somebody presses TAB.

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { suggest } from '../../src/cli/completion/suggest.ts';
import { createWholeProgram } from '../../src/cli/program.ts';
import { BIN, depot } from '../support/cli.ts';
import { Depot, tempDir } from '../support/depot.ts';
import { run } from '../support/programs.ts';

const program = await createWholeProgram();
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'user': ['alice', 'bob@example', 'mal;lory'],
  'local': ['nas', 'office'],
  'user/device': ['alice/laptop'],
};
/** The words of a line; an empty last one where it ends with a space. */
const suggested = async (line: string): Promise<readonly [values: string[], directive: number]> => {
  const { suggestions, directive } = await suggest(program, line.split(' '), (kind) =>
    Promise.resolve(NAMES[kind] ?? []),
  );
  return [suggestions.map(({ value }) => value), directive];
};

const [FILES, NOTHING, DIRECTORIES] = [0, 4, 16];

describe('what is suggested', () => {
  const CASES: readonly (readonly [line: string, values: readonly string[], directive: number])[] = [
    ['loc', ['local', 'locals'], NOTHING],
    ['help comp', ['completion'], NOTHING],
    ['user s', ['set', 'show'], NOTHING],
    ['user show ', ['alice', 'bob@example'], NOTHING],
    ['user show alice ', [], NOTHING],
    ['user show --json al', ['alice'], NOTHING],
    ['invite --user b', ['bob@example'], NOTHING],
    ['invite --user=b', ['bob@example'], NOTHING],
    ['locals revoke --h', ['--help', '--home'], NOTHING],
    ['locals --home /srv revoke o', ['office'], NOTHING],
    ['clients revoke ', ['alice/laptop'], NOTHING],
    ['service install ', ['server', 'local', 'client'], NOTHING],
    ['service install server -- --ho', [], FILES],
    ['completion po', ['powershell'], NOTHING],
    ['server --socks-p', ['--socks-port'], NOTHING],
    ['server --tunnels-', ['--tunnels-min', '--tunnels-max'], NOTHING],
    ['server --home ', [], DIRECTORIES],
    ['server --home=', [], DIRECTORIES],
    ['server --config ', [], FILES],
    ['server --socks-port ', [], NOTHING],
    ['nonsense ', [], NOTHING],
  ];
  for (const [line, values, directive] of CASES)
    test(`depot ${line}|`, async () => assert.deepEqual(await suggested(line), [values, directive]));

  test('settings that --help does not show come when somebody looks for them', async () => {
    const [all] = await suggested('server --');
    assert.ok(all.includes('--advertise') && !all.includes('--tunnels-min'));
  });
});

describe('a shell completes', () => {
  /** A command called depot, as if it were installed. */
  const install = (directory: string): NodeJS.ProcessEnv => {
    writeFileSync(path.join(directory, 'depot'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, {
      mode: 0o755,
    });
    return {
      PATH: `${directory}:${process.env['PATH']}`,
      HOME: directory,
      DEPOT_HOME: directory,
      TERM: 'dumb',
      PS1: '$ ',
    };
  };
  const [TO_BEGINNING, TO_END, AWAY] = ['\u0001', '\u0005', '\u0015'];
  /** Presses TAB after each of these lines, and has the shell print what it made of them; then at `last`, for no more. */
  const complete = async (shell: 'bash' | 'zsh', home: string, lines: string[], last: string): Promise<string[]> => {
    const env = install(home);
    const { stdout: text } = await depot(['completion', shell]);
    const file = path.join(home, `depot.${shell}`);
    writeFileSync(file, text);
    const [command, first] = {
      bash: ['bash --norc --noprofile -i', ''],
      zsh: ['zsh -f -i', 'autoload -Uz compinit && compinit -u -D\n'],
    }[shell];
    const typed = lines.map((line) => `${line}\t${TO_BEGINNING}echo "<" ${TO_END} ">"\n`).join('');
    // Twice: nothing in it minds being read again.
    const input = `${first}source ${file}\nsource ${file}\n${typed}${last}\t${AWAY}\nexit\n`;
    const { stdout } = await run('script', ['-qec', command ?? '', '/dev/null'], { env, cwd: home, input });
    assert.doesNotMatch(stdout, /readonly|not found|syntax/);
    return [...stdout.matchAll(/^< (.*?) *>\r?$/gm)].map(([, line = '']) => line);
  };

  for (const shell of ['bash', 'zsh'] as const) {
    test(`${shell}: commands, options and names of a server that runs, and runs nothing of what was typed`, async () => {
      using home = tempDir();
      await using server = await Depot.server({ home: home.path });
      await server.addUser('zoe@example');
      const lines = [
        'depot docto',
        'depot user sho',
        'depot server --socks-p',
        'depot user show zo',
        'depot invite --user=zo',
      ];
      assert.deepEqual(await complete(shell, home.path, lines, 'depot user show $(touch pwned) z'), [
        'depot doctor',
        'depot user show',
        'depot server --socks-port',
        'depot user show zoe@example',
        'depot invite --user=zoe@example',
      ]);
      assert.equal(existsSync(path.join(home.path, 'pwned')), false);
    });
  }

  test('fish: the same, with what each of them is', async () => {
    using home = tempDir();
    await using server = await Depot.server({ home: home.path });
    await server.addUser('zoe');
    const env = install(home.path);
    const { stdout: text } = await depot(['completion', 'fish']);
    const file = path.join(home.path, 'depot.fish');
    writeFileSync(file, text);
    const asked = ['depot us', 'depot user show zo', 'depot server --socks-p'];
    const commands = asked.map((line) => `complete -C '${line}'`).join('; ');
    const { stdout, stderr } = await run('fish', ['--no-config', '-c', `source ${file}; ${commands}`], { env });
    assert.equal(stderr, '');
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[0]),
      ['user', 'zoe', '--socks-port'],
    );
    assert.match(stdout, /^user\tadd, list, change and remove users$/m);
  });

  test('none but these', async () => {
    assert.equal((await depot(['completion', 'tcsh'])).code, 2);
    assert.match((await depot(['completion', 'powershell'])).stdout, /Register-ArgumentCompleter/);
  });
});
