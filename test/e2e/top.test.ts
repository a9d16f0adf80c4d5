// `depot top` in a real terminal, one that `script` makes.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { createLocal } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { depot as command } from '../support/cli.ts';
import { Depot, serverIn, tempDir } from '../support/depot.ts';
import { type Program, run } from '../support/programs.ts';
import { handshake } from '../support/socks-client.ts';
import { inShell, typed } from '../support/terminal.ts';

const ENTERED = '\u001B[?1049h';
const LEFT = '\u001B[?25h\u001B[?1049l';

const topOf = (home: string): string => typed('top', '--home', home);

/** The settings of the terminal before and after are printed, and have to be the same. */
const inTerminal = (home: string): Program =>
  inShell(
    `stty rows 30 cols 120; echo before=$(stty -g)=; ${topOf(home)}; code=$?; echo after=$(stty -g)=; exit $code`,
    { NO_COLOR: '1' },
  );

const settings = (when: string, { stdout }: Program): string | undefined =>
  new RegExp(`${when}=([^=]+)=`).exec(stdout)?.[1];

test('depot top shows a stream, ends it when told, and leaves the terminal as it was', async () => {
  using home = tempDir();
  await using depot = await Depot.pair({ home: home.path });
  await using app = await App.echo();
  const [wire] = await handshake(depot.target('home.depot', app.port));
  await using top = inTerminal(home.path);
  await top.says(new RegExp(`owner +127\\.0\\.0\\.1 +home\\.depot:${app.port} +home `));
  top.child.stdin.write('x');
  await top.says(/End stream \d+\?/);
  top.child.stdin.write('y');
  assert.equal(await wire.ending(), 'rst');
  await top.says(/0 streams/);
  top.child.stdin.write('q');
  await top.says(/after=[^=]+=/);
  assert.ok(top.stdout.includes(ENTERED));
  assert.ok(top.stdout.includes(LEFT));
  assert.equal(settings('after', top), settings('before', top));
});

test('depot top leaves the terminal as it was when it is ended by SIGTERM', async () => {
  using home = tempDir();
  await using _depot = await Depot.pair({ home: home.path });
  await using top = inShell(
    `echo before=$(stty -g)=; sh -c "echo pid=\\$\\$=; exec ${topOf(home.path)}"; echo code=$?; echo after=$(stty -g)=`,
  );
  await top.says(/q quit/);
  const pid = Number(/pid=(\d+)=/.exec(top.stdout)?.[1]);
  process.kill(pid, 'SIGTERM');
  await top.says(/after=[^=]+=/);
  assert.match(top.stdout, /code=143/);
  assert.ok(top.stdout.includes(LEFT));
  assert.equal(settings('after', top), settings('before', top));
});

/** A frame of exactly so many lines, none wider than so many columns, with another one behind it. */
const frameOf = (lines: number, columns: number): RegExp => {
  // What is no line's end and no frame's beginning; the sequence that clears takes no room.
  const line = String.raw`(?:\u001B\[K|[^\u001B\r\n]){0,${columns + 1}}`;
  return new RegExp(String.raw`\u001B\[H${line}(?:\r+\n${line}){${lines - 1}}\u001B\[H`);
};

test('depot top follows the size of its terminal', async () => {
  using home = tempDir();
  await using _depot = await Depot.pair({ home: home.path });
  await using top = inShell(`stty rows 30 cols 120; echo "tty=$(tty)="; ${topOf(home.path)}`, { NO_COLOR: '1' });
  await top.says(/q quit/);
  const terminal = /tty=([^=]+)=/.exec(top.stdout)?.[1] ?? '';
  await run('stty', ['-F', terminal, 'rows', '12', 'cols', '60']);
  for (const key of 'ssss') top.child.stdin.write(key);
  await top.says(frameOf(12, 60));
  top.child.stdin.write('q');
  assert.equal((await top.finished).code, 0);
});

test('depot top comes back when the server does', async () => {
  using home = tempDir();
  await using first = await Depot.pair({ home: home.path });
  await using top = inTerminal(home.path);
  await top.says(/q quit/);
  await first.server.stop();
  await top.says(/trying again|No depot runs/);
  await using again = await serverIn(home.path);
  const { link } = await again.administration.invite('barn');
  using localHome = tempDir();
  await using _local = await createLocal({ home: localHome.path, link });
  await top.says(/barn +connected/);
  top.child.stdin.write('q');
  await top.says(/after=[^=]+=/);
  assert.equal(settings('after', top), settings('before', top));
});

test('depot top leaves the terminal as it was when something inside goes wrong', async () => {
  using home = tempDir();
  // What runs here tells of a role that lacks everything: no depot does, so nobody foresaw it.
  const odd = http.createServer((request, response) => {
    if (request.url === '/api/v1/status') response.end('{}');
    else response.write('event: snapshot\ndata: {"role":{"role":"local"},"locals":[]}\n\nevent: ready\ndata: {}\n\n');
  });
  odd.listen(path.join(home.path, 'admin.sock'));
  await once(odd, 'listening');
  await using top = inTerminal(home.path);
  await top.says(/after=[^=]+=/);
  const { code } = await top.finished;
  assert.notEqual(code, 0);
  assert.ok(top.stdout.includes(ENTERED) && top.stdout.includes(LEFT));
  assert.equal(settings('after', top), settings('before', top));
  odd.closeAllConnections();
  odd.close();
});

test('depot top without a terminal names depot status', async () => {
  using home = tempDir();
  await using _depot = await Depot.server({ home: home.path });
  const { code, stdout, stderr } = await command(['top', '--home', home.path]);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /depot status/);
});

test('depot top has colours where the terminal does, and does without where nobody wants any', async () => {
  using home = tempDir();
  await using _depot = await Depot.pair({ home: home.path });
  const show = async (env: NodeJS.ProcessEnv): Promise<string> => {
    await using top = inShell(`stty rows 30 cols 120; ${topOf(home.path)}`, env);
    await top.says(/home +\S*connected[^]*q quit/);
    top.child.stdin.write('q');
    return (await top.finished).stdout;
  };
  assert.ok((await show({})).includes('\u001B[32mconnected\u001B[39m'));
  assert.doesNotMatch(await show({ NO_COLOR: '1' }), new RegExp(String.raw`\u001B\[[\d;]*m`));
});

test('depot top leaves a terminal alone that cannot be filled', async () => {
  using home = tempDir();
  await using _depot = await Depot.server({ home: home.path });
  await using top = inShell(topOf(home.path), { TERM: 'dumb' });
  const { code, stdout } = await top.finished;
  assert.equal(code, 2);
  assert.match(stdout, /depot status/);
  assert.ok(!stdout.includes('\u001B'));
});
