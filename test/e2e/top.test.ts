// `depot top` in a real terminal, one that `script` makes.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { createLocal } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { BIN, depot as command } from '../support/cli.ts';
import { Depot, serverIn, tempDir } from '../support/depot.ts';
import { Program, run } from '../support/programs.ts';
import { handshake } from '../support/socks-client.ts';

const ENTERED = '\u001B[?1049h';
const LEFT = '\u001B[?25h\u001B[?1049l';

const topOf = (home: string): string => `"${process.execPath}" "${BIN}" top --home "${home}"`;

/** Lines of a shell, in a terminal of their own. */
const inShell = (lines: string): Program =>
  new Program('/usr/bin/script', ['--quiet', '--return', '--command', lines, '/dev/null']);

/** The settings of the terminal before and after are printed, and have to be the same. */
const inTerminal = (home: string): Program =>
  inShell(
    `stty rows 30 cols 120; echo before=$(stty -g)=; ${topOf(home)}; code=$?; echo after=$(stty -g)=; exit $code`,
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
    `echo before=$(stty -g)=; sh -c 'echo pid=$$=; exec ${topOf(home.path)}'; echo code=$?; echo after=$(stty -g)=`,
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
  // What is no line's end and no frame's beginning; the sequences that clear and mark take no room.
  const line = String.raw`(?:\u001B\[[Km07]+|[^\u001B\r\n]){0,${columns + 8}}`;
  return new RegExp(String.raw`\u001B\[H${line}(?:\r+\n${line}){${lines - 1}}\u001B\[H`);
};

test('depot top follows the size of its terminal', async () => {
  using home = tempDir();
  await using _depot = await Depot.pair({ home: home.path });
  await using top = inShell(`stty rows 30 cols 120; echo "tty=$(tty)="; ${topOf(home.path)}`);
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
