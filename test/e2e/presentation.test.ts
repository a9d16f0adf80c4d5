// What commands print for people: colours where a terminal has them and nobody minds, tables that fit.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { widthOf } from '../../src/cli/layout.ts';
import { depot } from '../support/cli.ts';
import { Depot, tempDir } from '../support/depot.ts';
import { inShell, typed } from '../support/terminal.ts';

const ESCAPE = new RegExp(String.raw`\u001B`);
const GREEN = '\u001B[32mconnected\u001B[39m';

let home: ReturnType<typeof tempDir>;
let pair: Depot;
before(async () => {
  home = tempDir();
  pair = await Depot.pair({ home: home.path });
});
after(async () => {
  await pair[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

/** What a command prints in a terminal of so many columns. */
const shown = async (columns: number, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> => {
  await using shell = inShell(`stty rows 24 cols ${columns}; ${typed(...args, '--home', home.path)}`, env);
  const { code, stdout } = await shell.finished;
  assert.equal(code, 0, stdout);
  return stdout.replaceAll('\r\n', '\n');
};

describe('colours', () => {
  const status = async (env: NodeJS.ProcessEnv): Promise<string> =>
    (await depot(['status', '--home', home.path], { env })).stdout;

  test('are there on a terminal', async () => {
    assert.ok((await shown(200, ['status'])).includes(GREEN));
  });

  test('are not there with NO_COLOR, nor on a terminal that is dumb', async () => {
    assert.doesNotMatch(await shown(200, ['status'], { NO_COLOR: '1' }), ESCAPE);
    assert.doesNotMatch(await shown(200, ['status'], { TERM: 'dumb' }), ESCAPE);
  });

  test('are there in a pipe with FORCE_COLOR alone', async () => {
    assert.doesNotMatch(await status({}), ESCAPE);
    assert.ok((await status({ FORCE_COLOR: '1' })).includes(GREEN));
    assert.doesNotMatch(await status({ FORCE_COLOR: '0' }), ESCAPE);
  });

  test('move nothing', async () => {
    assert.match(
      stripVTControlCharacters(await shown(200, ['status'])),
      /^LOCAL +STATE {6}FOR [^]*^home +connected {2}\d/m,
    );
  });

  test('are in no JSON and in no link', async () => {
    const env = { FORCE_COLOR: '1' };
    for (const args of [
      ['status', '--json'],
      ['locals', '--json'],
      ['invite', 'attic'],
    ]) {
      const { code, stdout } = await depot([...args, '--home', home.path], { env });
      assert.equal(code, 0);
      assert.doesNotMatch(stdout, ESCAPE);
    }
  });

  test('of the log are those of standard error', async () => {
    const logged = async (env: NodeJS.ProcessEnv): Promise<string> => {
      using own = tempDir();
      const ports = ['--socks-port', '0', '--control-port', '0', '--web-port', '0', '--host', '127.0.0.1'];
      // Something to warn of, and a standard output that is no terminal.
      const server = typed('server', '--home', own.path, ...ports);
      await using shell = inShell(`ulimit -n 300; ${server} > /dev/null`, env);
      await shell.says(/WARN[^\n]*\n/);
      shell.child.stdin.write('\u0003');
      return (await shell.finished).stdout;
    };
    assert.ok((await logged({})).includes('\u001B[33mWARN'));
    assert.doesNotMatch(await logged({ NO_COLOR: '1' }), ESCAPE);
  });
});

describe('tables', () => {
  const commands = [['status'], ['locals'], ['user', 'list'], ['config', 'show', 'server'], ['doctor']];
  for (const columns of [40, 60, 80, 200]) {
    test(`fit a terminal of ${columns} columns`, async () => {
      for (const args of commands) {
        const lines = (await shown(columns, args)).split('\n');
        // What stands above the tables of status.
        for (const line of lines.filter((text) => !/^(?:listens on|fingerprint) /.test(text)))
          assert.ok(widthOf(line) <= columns, `${args.join(' ')}: ${line}`);
      }
    });
  }

  test('have whole lines in a pipe', async () => {
    const { stdout } = await depot(['locals', '--home', home.path], { env: { COLUMNS: '20' } });
    assert.match(stdout, /^home +\d+ s ago +[\w-]{43}$/m);
  });
});
