// The examples of the library, run as somebody would who tries them.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Depot, tempDir } from '../support/depot.ts';
import { curl, Program, run } from '../support/programs.ts';

const example = (name: string): string => path.join(import.meta.dirname, '../../examples', name);

test('embed.ts: a server and a local in one program', async () => {
  const { code, stdout, stderr } = await run(process.execPath, [example('embed.ts')]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /hello from the inside$/m);
  assert.match(stdout, /^stream to home\.depot:\d+: REP 0, \d+ bytes$/m);
});

test('connector.ts: an app without a port', async () => {
  const { code, stdout, stderr } = await run(process.execPath, [example('connector.ts')]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /\/hello from inside the program\n.*ConnectionRefused\n$/);
});

test('local-in-app.ts: a program that makes itself reachable, and nothing beside it', async () => {
  await using depot = await Depot.server();
  using home = tempDir();
  await using app = new Program(process.execPath, [example('local-in-app.ts'), home.path, depot.firstLink]);
  const [, at = ''] = await app.says(/reachable as (home\.depot:\d+)/);
  const { stdout } = await curl(depot.proxyUrl(), `http://${at}/`);
  assert.equal(stdout, `the app itself answers for ${at}\n`);
  const beside = await curl(depot.proxyUrl(), `http://home.depot:${depot.socksPort}/`);
  assert.match(beside.stderr, /\(2\)/, 'its rules let nothing else be reached');
  const { code } = await app.stop('SIGTERM');
  assert.equal(code, 0, app.stderr);
  assert.match(app.stdout, /owner got \d+ bytes/);
});
