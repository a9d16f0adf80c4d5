// `depot check` as it is typed: a table for people, JSON for programs, and an exit code that says whether it can be reached.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { App } from '../support/apps.ts';
import { depot as command } from '../support/cli.ts';
import { Depot, tempDir } from '../support/depot.ts';

test('depot check says how each step went, and ends with 1 where one failed', async () => {
  using home = tempDir();
  using localHome = tempDir();
  await using depot = await Depot.pair({ home: home.path }, { home: localHome.path });
  await using app = await App.listen(() => undefined);
  const closed = await App.closedPort();
  const check = (...args: readonly string[]): ReturnType<typeof command> =>
    command(['check', ...args, '--home', home.path]);
  const [good, bad, elsewhere, nonsense] = await Promise.all([
    check(`home.depot:${app.port}`, '--user', depot.login.user),
    check(`localhost:${closed}`, '--local', 'home', '--json'),
    command(['check', 'home.depot:1', '--home', localHome.path]),
    check('nonsense'),
  ]);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /^local's rules +ok +[\d.]+ ms +127\.0\.0\.1:\d+ is allowed by loopback/m);
  assert.match(good.stdout, /as owner through home: can be reached \(REP 0\)$/m);
  assert.equal(bad.code, 1, bad.stderr);
  const { code, reply, steps } = JSON.parse(bad.stdout) as { code: string; reply: number; steps: object[] };
  assert.deepEqual([code, reply, steps.length], ['connection-refused', 5, 7]);
  assert.deepEqual([elsewhere.code, elsewhere.stdout], [1, '']);
  assert.match(elsewhere.stderr, /Only a server can check/);
  assert.deepEqual([nonsense.code, nonsense.stdout], [2, '']);
  assert.match(nonsense.stderr, /HOST:PORT is expected/);
});
