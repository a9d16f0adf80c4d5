// A client never reaches the server's own loopback: whatever it asks for, it is a local that dials, or nobody.

import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { after, before, test } from 'node:test';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { jsonOf, LinkSession, Type } from '../support/link-client.ts';
import { handshake, Wire } from '../support/socks-client.ts';

/** What could mean the server itself, and what of it the local is asked for. */
const SPELLINGS: Readonly<Record<string, string>> = {
  '127.0.0.1': '127.0.0.1',
  '127.255.0.9': '127.255.0.9',
  '::1': '::1',
  '::ffff:7f00:1': '127.0.0.1',
  '0.0.0.0': '0.0.0.0',
  '::': '::',
  'localhost': 'localhost',
  'x.localhost': 'x.localhost',
  'vps.example': 'vps.example',
  [hostname()]: hostname().toLowerCase(),
};

let depot: Depot;
let app: App;
let reached = 0;
before(async () => {
  depot = await Depot.server({ advertise: 'vps.example' });
  app = await App.listen((socket) => {
    reached += 1;
    socket.destroy();
  });
});
after(async () => {
  await app[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
});

const replyOf = async (to: Depot, host: string): Promise<number> => {
  const [wire, { reply }] = await handshake(to.target(host, app.port));
  wire[Symbol.dispose]();
  return reply;
};

test('while no local is there, nobody dials', async () => {
  for (const host of Object.keys(SPELLINGS)) assert.equal(await replyOf(depot, host), 1, host);
  for (const head of [`CONNECT 127.0.0.1:${app.port}`, `GET http://localhost:${app.port}/`]) {
    using wire = await Wire.connect(depot.socksPort);
    wire.write(Buffer.from(`${head} HTTP/1.1\r\nHost: x\r\n${depot.basic}\r\n`));
    assert.match((await wire.read(12)).toString(), /^HTTP\/1.1 503/);
  }
  assert.equal(reached, 0);
});

test('the one local there is gets every spelling as it is, to decide and dial by itself', async () => {
  using local = await LinkSession.join(depot.server.address.controlPort, depot.firstLink);
  const [id] = await local.askedFor();
  const tunnel = await local.bring(id);
  for (const [host, asked] of Object.entries(SPELLINGS)) {
    const asking = replyOf(depot, host);
    const open = await tunnel.next(Type.open);
    assert.deepEqual(jsonOf(open)['destination'], { host: asked, port: app.port }, host);
    tunnel.send(Type.refused, open.stream, { code: 'not-allowed', message: 'no' });
    assert.equal(await asking, 2);
  }
  assert.equal(reached, 0);
});

test('a local takes 0.0.0.0 and :: for no spelling of its loopback', async () => {
  await using pair = await Depot.pair();
  for (const host of ['0.0.0.0', '::', '::ffff:0:0']) assert.equal(await replyOf(pair, host), 2, host);
  assert.equal(reached, 0);
  assert.equal(await replyOf(pair, LOOPBACK), 0, 'its own loopback is what 127.0.0.1 means');
});
