// depot backup: a copy that is whole and private, from a running server, and good to begin from.

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { depot as depotCommand } from '../support/cli.ts';
import { Depot, serverIn, tempDir } from '../support/depot.ts';

test('depot backup copies what a running server knows, and another home begins from it', async () => {
  using home = tempDir();
  using other = tempDir();
  await using depot = await Depot.server({ home: home.path });
  await depot.addUser('alice', []);
  const copy = path.join(other.path, 'depot.db');
  const args = ['backup', copy, '--home', home.path];
  assert.deepEqual(await depotCommand(args), { code: 0, stdout: '', stderr: '' });
  assert.equal(statSync(copy).mode & 0o777, 0o600);
  copyFileSync(path.join(home.path, 'key.pem'), path.join(other.path, 'key.pem'));
  await using restored = await serverIn(other.path);
  assert.equal(restored.fingerprint, depot.server.fingerprint);
  assert.deepEqual(
    (await restored.administration.users()).map(({ name }) => name),
    ['alice', depot.login.user],
  );
  const again = await depotCommand(args);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /is there already/);
  const nowhere = path.join(other.path, 'none', 'depot.db');
  assert.match((await depotCommand(['backup', nowhere, '--home', home.path])).stderr, /There is no directory .*none\./);
});

test('depot backup of what is no server says so, and leaves no file', async () => {
  using home = tempDir();
  const copy = path.join(home.path, 'copy.db');
  const { code, stderr } = await depotCommand(['backup', copy, '--home', home.path]);
  assert.equal(code, 1);
  assert.match(stderr, /not the home of a server/);
  assert.equal(existsSync(copy), false);
});
