// What a local shows of itself, at its web page and its admin socket, and what it keeps of that.

import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Outage } from '../../src/watch/status.ts';
import { createLocal, type DepotError } from '../../src/index.ts';
import { Events, logIn } from '../support/api.ts';
import { depot as command } from '../support/cli.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { TcpRelay } from '../support/tcp-relay.ts';

test('a local has no page unless it is asked for', async () => {
  await using depot = await Depot.pair();
  assert.equal(depot.local.web, undefined);
});

test('the password of the page is made once, kept as a digest, and changed by the command, running or not', async () => {
  using home = tempDir();
  await using depot = await Depot.server();
  const file = path.join(home.path, 'web.json');
  {
    const local = await depot.join(depot.firstLink, { home: home.path, webPort: 0 });
    const { password = '' } = local.web ?? {};
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(readFileSync(file, 'utf8'), /argon2id\$/);
    assert.ok(!readFileSync(file, 'utf8').includes(password));
    const { stdout } = await command(['web', 'passwd', '--home', home.path]);
    assert.match(stdout, /^[\w-]{22}\n$/);
    const { port } = new URL(local.web?.url ?? '');
    assert.equal((await logIn({ host: LOOPBACK, port: Number(port) }, stdout.trim())).status, 204);
    await local.stop();
  }
  const before = readFileSync(file, 'utf8');
  await command(['web', 'passwd', '--home', home.path]);
  assert.notEqual(readFileSync(file, 'utf8'), before);
  await using again = await createLocal({ home: home.path, webPort: 0 });
  assert.equal(again.web?.password, undefined);
});

test('a local tells when and why it had no link, in its status and as it happens', async () => {
  using home = tempDir();
  await using depot = await Depot.server();
  const { controlPort } = depot.server.address;
  await using relay = await TcpRelay.listen({ host: LOOPBACK, port: 0 }, { host: LOOPBACK, port: controlPort });
  const link = depot.firstLink.replace(`:${controlPort}`, `:${relay.port}`);
  const local = await depot.join(link, { home: home.path });
  using events = await Events.open({ socketPath: path.join(home.path, 'admin.sock') });
  await events.until('ready');
  const back = once(local.events, 'connected');
  relay.resetAll();
  await back;
  const { role } = await events.until<{ role?: { outages: readonly Outage[] } }>(
    'change',
    ({ role: changed }) => changed?.outages[0]?.until != null,
  );
  const [outage] = role?.outages ?? [];
  assert.equal(outage?.code, 'connection-lost');
  assert.ok((outage?.until ?? 0) >= (outage?.from ?? Infinity));
  assert.deepEqual(local.status().outages, role?.outages);
  const { stdout } = await command(['status', '--home', home.path]);
  assert.match(stdout, /reconnects 1\n {2}no link \d+ s ago for \d+ s: /);
  await relay[Symbol.asyncDispose]();
  // Why the link was lost is one thing, and why it does not come back another.
  for await (const [{ error }] of on(local.events, 'disconnected') as AsyncIterable<[{ error: DepotError }]>)
    if (error.code === 'connection-refused') break;
  const now = await command(['status', '--home', home.path]);
  assert.match(now.stdout, /^NOT connected to .* as home: 127\.0\.0\.1:\d+: ECONNREFUSED$/m);
});
