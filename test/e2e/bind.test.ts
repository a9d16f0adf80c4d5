// BIND through the whole path: an app that connects back, and everybody else who tries to.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { handshake, type SocksReply, type Wire } from '../support/socks-client.ts';

const BIND = 2;
const STRANGER = '127.0.0.9';

let depot: Depot;
before(async () => {
  depot = await Depot.pair({}, { allow: ['bind:127.0.0.1'] });
});
after(() => depot[Symbol.asyncDispose]());

const bind = (host: string, to = depot): Promise<[Wire, SocksReply]> =>
  handshake({ ...to.target(host, 21), command: BIND });

/** Connects to where the first reply says. */
const connectBack = ({ host, port }: SocksReply, localAddress = LOOPBACK): net.Socket =>
  net.connect({ host, port, localAddress }).on('error', () => undefined);

/** `once` would reject for the reset that comes before it. */
const closed = (socket: net.Socket): Promise<void> =>
  new Promise((resolve) => void socket.once('close', () => resolve()));

describe('an app that connects back', () => {
  for (const host of [LOOPBACK, 'home.depot']) {
    test(`is announced as ${host}: the first reply says where to, the second who came, and bytes flow both ways`, async () => {
      const [wire, first] = await bind(host);
      using _ = wire;
      assert.deepEqual([first.reply, first.host], [0, LOOPBACK]);
      wire.write(Buffer.from('early'));
      const app = connectBack(first);
      await once(app, 'connect');
      const second = await wire.readReply();
      assert.deepEqual(second, { reply: 0, host: LOOPBACK, port: app.localPort });
      const [data] = (await once(app, 'data')) as [Buffer];
      assert.equal(data.toString(), 'early');
      app.end('answer');
      assert.equal((await wire.rest()).toString(), 'answer');
    });
  }

  test('is the only one who gets in: a stranger is reset, the port is gone afterwards', async () => {
    const [wire, first] = await bind(LOOPBACK);
    using _ = wire;
    const stranger = connectBack(first, STRANGER);
    await closed(stranger);
    const app = connectBack(first);
    await once(app, 'connect');
    assert.equal((await wire.readReply()).port, app.localPort);
    const late = connectBack(first);
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    app.destroy();
  });

  test('in too much time is REP 4 in the second reply', async () => {
    await using quick = await Depot.pair({}, { allow: ['bind:127.0.0.1'], bindMs: 50 });
    const [wire, first] = await bind(LOOPBACK, quick);
    using _ = wire;
    assert.equal(first.reply, 0);
    assert.equal((await wire.readReply()).reply, 4);
    assert.equal(await wire.ending(), 'fin');
  });

  test('is not awaited any more when the client has gone', async () => {
    const [wire, first] = await bind(LOOPBACK);
    const end = once(depot.server.events, 'streamEnd');
    const waiting = connectBack(first, STRANGER);
    await closed(waiting);
    wire.socket.resetAndDestroy();
    await end;
    for (;;) {
      const late = connectBack(first, STRANGER);
      const refused = await once(late, 'connect').then(
        () => false,
        (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
      );
      late.destroy();
      if (refused) return;
    }
  });
});

test('rules that are tightened while an app is awaited count for it', async () => {
  using home = tempDir();
  const configFile = path.join(home.path, 'config.json');
  const allow = (rules: string[]): void => writeFileSync(configFile, JSON.stringify({ allow: rules }), { mode: 0o600 });
  allow(['bind:127.0.0.1']);
  await using strict = await Depot.pair({}, { home: home.path });
  const [wire, first] = await bind(LOOPBACK, strict);
  using _ = wire;
  assert.equal(first.reply, 0);
  allow([]);
  await strict.local.reload();
  const app = connectBack(first);
  await closed(app);
  assert.equal((await wire.readReply()).reply, 2);
});

/** Below those that Linux gives to whoever does not ask for one, so that no other test's connection has it. */
const portNobodyDialsFrom = (): number => 20_000 + Math.floor(Math.random() * 12_000);

describe('rules', () => {
  test('let nobody connect by default, whatever may be dialed; everybody has to be spelled out', async () => {
    await using wide = await Depot.pair({}, { allow: ['*', 'localhost', 'bind:192.168.1.0/24', 'bind:*.lan'] });
    for (const host of [LOOPBACK, 'home.depot', '0.0.0.0']) assert.equal((await bind(host, wide))[1].reply, 2, host);
    await using any = await Depot.pair({}, { allow: ['bind:*'] });
    assert.equal((await bind('0.0.0.0', any))[1].reply, 2);
  });

  test('with ports say where the app is awaited', async () => {
    const port = portNobodyDialsFrom();
    await using narrow = await Depot.pair({}, { allow: [`bind:localhost:${port}`] });
    const [wire, first] = await bind(LOOPBACK, narrow);
    using _ = wire;
    assert.deepEqual(first, { reply: 0, host: LOOPBACK, port });
    assert.equal((await bind(LOOPBACK, narrow))[1].reply, 1);
  });
});
