// `depot top` in a real terminal, one that `script` makes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { App } from '../support/apps.ts';
import { BIN, depot as command } from '../support/cli.ts';
import { Depot, tempDir } from '../support/depot.ts';
import { Program } from '../support/programs.ts';
import { handshake } from '../support/socks-client.ts';

const ENTERED = '\u001B[?1049h';
const LEFT = '\u001B[?25h\u001B[?1049l';

/** The settings of the terminal before and after are printed, and have to be the same. */
const inTerminal = (home: string): Program => {
  const top = `"${process.execPath}" "${BIN}" top --home "${home}"`;
  return new Program('/usr/bin/script', [
    '--quiet',
    '--return',
    '--command',
    `stty rows 30 cols 120; echo before=$(stty -g)=; ${top}; code=$?; echo after=$(stty -g)=; exit $code`,
    '/dev/null',
  ]);
};

const settings = (when: string, { stdout }: Program): string | undefined =>
  new RegExp(`${when}=([^=]+)=`).exec(stdout)?.[1];

test('depot top shows a stream, ends it when told, and leaves the terminal as it was', async () => {
  using home = tempDir();
  await using depot = await Depot.pair({ home: home.path });
  await using app = await App.echo();
  const [wire] = await handshake({
    socksPort: depot.socksPort,
    login: depot.login,
    host: 'home.depot',
    port: app.port,
  });
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
  await using top = new Program('/usr/bin/script', [
    '--quiet',
    '--return',
    '--command',
    `echo before=$(stty -g)=; sh -c 'echo pid=$$=; exec "${process.execPath}" "${BIN}" top --home "${home.path}"'; echo code=$?; echo after=$(stty -g)=`,
    '/dev/null',
  ]);
  await top.says(/q quit/);
  const pid = Number(/pid=(\d+)=/.exec(top.stdout)?.[1]);
  process.kill(pid, 'SIGTERM');
  await top.says(/after=[^=]+=/);
  assert.match(top.stdout, /code=143/);
  assert.ok(top.stdout.includes(LEFT));
  assert.equal(settings('after', top), settings('before', top));
});

test('depot top without a terminal names depot status', async () => {
  using home = tempDir();
  await using _depot = await Depot.server({ home: home.path });
  const { code, stdout, stderr } = await command(['top', '--home', home.path]);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /depot status/);
});
