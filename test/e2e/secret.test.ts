// Passwords and join links that are asked for: what is typed is neither shown nor in any argument list, and the terminal is
// left as it was.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { depot } from '../support/cli.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import type { Program } from '../support/programs.ts';
import { handshake } from '../support/socks-client.ts';
import { inShell, typed } from '../support/terminal.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const CTRL_Z = '\u001A';
const BACKSPACE = '\u007F';
const UP = '\u001B[A';

let home: ReturnType<typeof tempDir>;
let server: Depot;
before(async () => {
  home = tempDir();
  server = await Depot.server({ home: home.path });
  const { code, stderr } = await depot(['user', 'add', 'alice', '--home', home.path]);
  assert.equal(code, 0, stderr);
});
after(async () => {
  await server[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

/** A command in a terminal, and afterwards its exit code and whether the terminal shows again what is typed. */
const ask = (...args: readonly string[]): Program =>
  inShell(`${typed(...args)}; echo "code=$?"; stty -a | grep -oE -- '-?\\becho\\b' | sed 's/^/after=/'`);
const passwd = (): Program => ask('user', 'passwd', 'alice', '--password-stdin', '--home', home.path);

/** Types an answer to each question, once it is asked. */
const answer = async (
  program: Program,
  ...answers: readonly (readonly [question: string, keys: string])[]
): Promise<string> => {
  for (const [question, keys] of answers) {
    await program.says(new RegExp(question));
    program.child.stdin.write(keys);
  }
  await program.says(/after=(?:-?echo)/);
  return program.stdout;
};

const accepts = async (password: string): Promise<boolean> => {
  try {
    const [wire] = await handshake({
      socksPort: server.socksPort,
      login: { user: 'alice', password },
      host: LOOPBACK,
      port: 1,
    });
    wire[Symbol.dispose]();
    return true;
  } catch (error) {
    return !/wrong user or password/.test(String(error));
  }
};

describe('a new password', () => {
  test('is asked for twice, and not shown', async () => {
    await using program = passwd();
    const shown = await answer(program, ['New password: ', 'first secret\r'], ['The same again: ', 'first secret\r']);
    assert.match(shown, /code=0\r\nafter=echo\r\n/);
    assert.doesNotMatch(shown, /secret/);
    assert.equal(await accepts('first secret'), true);
  });

  test('may be mended while it is typed, and what was typed before does not come back', async () => {
    await using program = passwd();
    const keys = `mendex${BACKSPACE}d\r`;
    const shown = await answer(program, ['New password: ', keys], ['The same again: ', `${UP}mended\r`]);
    assert.match(shown, /code=0/);
    assert.doesNotMatch(shown, /mend/);
    assert.equal(await accepts('mended'), true);
  });

  test('that is not the same twice changes nothing', async () => {
    await using program = passwd();
    const shown = await answer(program, ['New password: ', 'one\r'], ['The same again: ', 'other\r']);
    assert.match(shown, /depot: The two are not the same[^]*code=2\r\nafter=echo/);
    assert.equal(await accepts('one'), false);
  });

  test('is not asked for any more after Ctrl-C or Ctrl-D', async () => {
    await using interrupted = passwd();
    assert.match(await answer(interrupted, ['New password: ', `half${CTRL_C}`]), /code=130\r\nafter=echo/);
    await using ended = passwd();
    assert.match(await answer(ended, ['New password: ', CTRL_D]), /Nothing was typed[^]*code=2\r\nafter=echo/);
    assert.equal(await accepts('half'), false);
  });

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    test(`is not asked for any more after ${signal}, and the terminal shows again what is typed`, async () => {
      const words = typed('user', 'passwd', 'alice', '--password-stdin', '--home', home.path);
      await using program = inShell(
        `sh -c 'echo pid=$$; exec "$@"' sh ${words}; echo "code=$?"; stty -a | grep -oE -- '-?\\becho\\b' | sed 's/^/after=/'`,
      );
      await program.says(/New password: /);
      process.kill(Number(/pid=(\d+)/.exec(program.stdout)?.[1]), signal);
      assert.match(await answer(program), new RegExp(`code=${code}\\r\\nafter=echo`));
    });
  }

  test('is asked for again after Ctrl-Z and fg', async () => {
    await using shell = inShell('exec bash --norc --noprofile -i');
    shell.child.stdin.write(`${typed('user', 'passwd', 'alice', '--password-stdin', '--home', home.path)}\r`);
    await shell.says(/New password: /);
    shell.child.stdin.write(`half${CTRL_Z}`);
    await shell.says(/Stopped/);
    shell.child.stdin.write('stty -a | grep -o -- "-\\?\\becho\\b"; fg\r');
    await shell.says(/\r\n?echo\r\n[^]*New password: /);
    shell.child.stdin.write(`${CTRL_U}whole\r`);
    await shell.says(/The same again: /);
    shell.child.stdin.write('whole\r');
    await shell.says(/alice has the given password now/);
    assert.doesNotMatch(shell.stdout, /half|whole/);
    assert.equal(await accepts('whole'), true);
    shell.child.stdin.write('exit\r');
    assert.equal((await shell.finished).code, 0);
  });

  test('is asked for on standard error, and read from a pipe without a question', async () => {
    const args = ['user', 'passwd', 'alice', '--password-stdin', '--home', home.path];
    assert.deepEqual(await depot(args, { input: 'piped\r\n' }), { code: 0, stdout: '', stderr: '' });
    assert.equal(await accepts('piped'), true);
    await using program = inShell(`${typed(...args)} > /dev/null; echo "code=$?"; echo after=echo`);
    await answer(program, ['New password: ', CTRL_C]);
  });

  test('is never asked for where none was promised', async () => {
    await using program = ask('user', 'passwd', 'alice', '--home', home.path);
    assert.match(await answer(program), /password {2}[\w-]{22}\r\ncode=0/);
  });

  test('of the web page is asked for, too', async () => {
    await using program = ask('web', 'passwd', '--password-stdin', '--home', home.path);
    const shown = await answer(program, ['New password: ', 'a web secret\r'], ['The same again: ', 'a web secret\r']);
    assert.match(shown, /code=0/);
    assert.doesNotMatch(shown, /web secret/);
  });
});

describe('a join link', () => {
  /** Every argument list on this machine. */
  const argumentLists = (): string =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        } catch {
          // It has ended meanwhile.
          return '';
        }
      })
      .join('\n');

  test('is asked for, and is neither shown nor in an argument list', async () => {
    const { stdout } = await depot(['invite', 'nas', '--home', home.path]);
    const link = stdout.trim();
    using own = tempDir();
    await using program = ask('local', '-', '--home', own.path);
    await program.says(/Join link: /);
    // As it is copied, with a space too many.
    program.child.stdin.write(` ${link}\r`);
    await program.says(/connected to .* as nas/);
    assert.match(argumentLists(), /depot local/);
    const [, secret = link] = /\/\/([\w-]+)@/.exec(link) ?? [];
    assert.ok(!argumentLists().includes(secret));
    assert.ok(!program.stdout.includes(secret));
    program.child.stdin.write(CTRL_C);
    assert.match(await answer(program), /after=echo/);
  });

  test('that nobody gives is missed in a sentence', async () => {
    using own = tempDir();
    for (const role of ['local', 'client']) {
      const { code, stderr } = await depot([role, '-', '--home', own.path], { input: '' });
      assert.equal(code, 2);
      assert.match(stderr, /^depot: Standard input was empty, a join link was expected there\.\n$/);
    }
  });
});
