// depot completion: what is suggested, and that real shells complete it when somebody presses TAB.

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { suggest } from '../../src/cli/completion/suggest.ts';
import { createWholeProgram } from '../../src/cli/program.ts';
import { BIN, depot } from '../support/cli.ts';
import { Depot, tempDir } from '../support/depot.ts';
import { Program, run } from '../support/programs.ts';

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
  type Line = readonly [typed: string, made: string];
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
    };
  };
  const [TO_BEGINNING, TO_END, AWAY] = ['\u0001', '\u0005', '\u0015'];
  /**
   * Presses TAB at the end of each of these lines, and has the shell print what it made of them; then at `last`, for no
   * more. What is typed before a prompt stands, or while the shell completes, is the terminal driver's to understand,
   * which knows none of these keys; so each step waits to see the one before.
   */
  const complete = async (shell: 'bash' | 'zsh', home: string, lines: Line[], last: Line): Promise<string[]> => {
    const env = install(home);
    const { stdout: text } = await depot(['completion', shell]);
    const file = path.join(home, `depot.${shell}`);
    writeFileSync(file, text);
    // npm sets EDITOR to vi, and zsh takes its keys from there.
    const [command, first] = {
      bash: ['bash --norc --noprofile -i', ''],
      zsh: ['zsh -f -i', 'bindkey -e; autoload -Uz compinit && compinit -u -D; '],
    }[shell];
    await using terminal = new Program('script', ['-qec', `env PS1=READY ${command}`, '/dev/null'], { env, cwd: home });
    let answers = 0;
    const type = async (line: string): Promise<void> => {
      await terminal.says(new RegExp(`^[^]*(?:\\n< [^\\n]*>\\r?\\n[^]*){${answers}}READY`));
      terminal.child.stdin.write(line);
      answers += 1;
    };
    const typeAndComplete = async ([typed, made]: Line): Promise<void> => {
      await type(`${typed}\t`);
      await terminal.says(new RegExp(RegExp.escape(made)));
    };
    // Twice: nothing in it minds being read again.
    await type(`${first}source ${file}; source ${file}; echo "<" sourced ">"\n`);
    for (const line of lines) {
      await typeAndComplete(line);
      terminal.child.stdin.write(`${TO_BEGINNING}echo "<" ${TO_END} ">"\n`);
    }
    await typeAndComplete(last);
    terminal.child.stdin.write(`${AWAY}exit\n`);
    const { stdout } = await terminal.finished;
    assert.doesNotMatch(stdout, /readonly|not found|syntax/);
    return [...stdout.matchAll(/^< (.*?) *>\r?$/gm)].map(([, line = '']) => line).slice(1);
  };

  for (const shell of ['bash', 'zsh'] as const) {
    test(`${shell}: commands, options and names of a server that runs, and runs nothing of what was typed`, async () => {
      using home = tempDir();
      await using server = await Depot.server({ home: home.path });
      await server.addUser('zoe@example');
      const lines: Line[] = [
        ['depot docto', 'depot doctor'],
        ['depot user sho', 'depot user show'],
        ['depot server --socks-p', 'depot server --socks-port'],
        ['depot user show zo', 'depot user show zoe@example'],
        ['depot invite --user=zo', 'depot invite --user=zoe@example'],
      ];
      const last: Line = ['depot invite $(touch pwned) --user=zo', 'pwned) --user=zoe@example'];
      assert.deepEqual(
        await complete(shell, home.path, lines, last),
        lines.map(([, made]) => made),
      );
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
