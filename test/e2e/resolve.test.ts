// RESOLVE and RESOLVE_PTR through the whole path: what a local tells of its names, and to what address a client is led.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { DepotError } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { controlHello, invitationOf, jsonOf, LinkClient, newIdentity, Type } from '../support/link-client.ts';
import { handshake, type SocksReply } from '../support/socks-client.ts';

const RESOLVE = 0xf0;
const RESOLVE_PTR = 0xf1;
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  localhost: [LOOPBACK],
  printer: ['fd00::9', '192.168.9.9'],
  six: ['fd00::9'],
  secret: ['10.0.0.1'],
};
const resolve = async (host: string): Promise<readonly string[]> => {
  const found = ADDRESSES[host] ?? (host === LOOPBACK ? [LOOPBACK] : undefined);
  if (found === undefined) throw new DepotError('name-unknown', `${host}: ENOTFOUND`);
  return found;
};

let depot: Depot;
let app: App;
before(async () => {
  depot = await Depot.pair({}, { resolve, allow: ['192.168.9.0/24:631', '[fd00::/8]'] });
  app = await App.listen((socket) => socket.end('hello'));
});
after(async () => {
  await app[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
});

/** Asks, reads the reply, and sees the connection closed behind it. */
const ask = async (command: number, host: string, to = depot): Promise<SocksReply> => {
  const [wire, reply] = await handshake({ ...to.target(host, 0), command });
  using _ = wire;
  assert.equal((await wire.rest()).length, 0);
  return reply;
};

const isVirtual = (host: string): boolean => /^198\.1[89]\./.test(host);

describe('RESOLVE', () => {
  test('tells an address that the rules allow on some port, IPv4 before IPv6', async () => {
    assert.deepEqual(await ask(RESOLVE, 'printer.home.depot'), { reply: 0, host: '192.168.9.9', port: 0 });
    assert.deepEqual(await ask(RESOLVE, 'printer'), { reply: 0, host: '192.168.9.9', port: 0 });
    assert.deepEqual(await ask(RESOLVE, 'six'), { reply: 0, host: 'fd00::9', port: 0 });
    assert.deepEqual(await ask(RESOLVE, 'localhost'), { reply: 0, host: LOOPBACK, port: 0 });
  });

  test('does not tell an address that nobody may connect to, nor one of a name that is not there', async () => {
    assert.equal((await ask(RESOLVE, 'secret')).reply, 2);
    assert.equal((await ask(RESOLVE, 'nothing.home.depot')).reply, 4);
    assert.equal((await ask(RESOLVE, 'nothing.else.depot')).reply, 1);
  });

  test("of a local's own loopback tells an address that leads there, and knows its name", async () => {
    const { reply, host } = await ask(RESOLVE, 'home.depot');
    assert.deepEqual([reply, isVirtual(host)], [0, true], host);
    assert.equal((await ask(RESOLVE, 'home.depot')).host, host);
    const [wire, connected] = await handshake(depot.target(host, app.port));
    using _ = wire;
    assert.equal(connected.reply, 0);
    assert.equal((await wire.rest()).toString(), 'hello');
    assert.deepEqual(await ask(RESOLVE_PTR, host), { reply: 0, host: 'home.depot', port: 0 });
  });

  test('of a name whose address would lead to another local tells one that leads there', async () => {
    await using two = await Depot.pair({}, { resolve, allow: ['192.168.9.0/24'] });
    await two.addLocal('office');
    assert.ok(isVirtual((await ask(RESOLVE, 'printer.home.depot', two)).host));
    const named = { ...two.login, user: `${two.login.user}+home` };
    const [wire, { host }] = await handshake({
      socksPort: two.socksPort,
      login: named,
      host: 'printer.home.depot',
      port: 0,
      command: RESOLVE,
    });
    using _ = wire;
    assert.equal(host, '192.168.9.9');
  });
});

test('a local that speaks version 1 of the protocol is not asked: REP 7, as the command is not supported', async () => {
  await using old = await Depot.server();
  const up = once(old.server.events, 'localUp');
  using local = await LinkClient.connect(old.server.address.controlPort, newIdentity());
  local.send(Type.hello, 0, controlHello(invitationOf(old.firstLink), [1]));
  await up;
  assert.equal(jsonOf(await local.next(Type.welcome))['version'], 1);
  assert.equal((await ask(RESOLVE, 'home.depot', old)).reply, 7);
});

describe('RESOLVE_PTR', () => {
  test('tells the name of an address that may be connected to', async () => {
    assert.deepEqual(await ask(RESOLVE_PTR, LOOPBACK), { reply: 0, host: 'localhost', port: 0 });
  });

  test('of an address without a name is REP 4, of one that is not allowed REP 2, of a name REP 8', async () => {
    assert.equal((await ask(RESOLVE_PTR, '127.255.255.1')).reply, 4);
    assert.equal((await ask(RESOLVE_PTR, '10.0.0.1')).reply, 2);
    assert.equal((await ask(RESOLVE_PTR, 'printer')).reply, 8);
  });
});
