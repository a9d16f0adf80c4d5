// What SOCKS can do beside CONNECT, through `depot client`: the same answers as at the server's entry, by the same rules.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { DepotError, type DepotClient, type StreamEnd } from '../../src/index.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { handshake, type SocksReply, type Wire } from '../support/socks-client.ts';
import { AssociatedClient, udpEcho, type UdpPeer } from '../support/udp.ts';

const Command = { bind: 2, resolve: 0xf0, resolvePtr: 0xf1 } as const;

const resolve = async (host: string): Promise<readonly string[]> => {
  if (host === 'localhost' || net.isIP(host)) return [host === 'localhost' ? LOOPBACK : host];
  throw new DepotError('name-unknown', `${host}: ENOTFOUND`);
};

let depot: Depot;
let echo: UdpPeer;
let client: DepotClient;
before(async () => {
  depot = await Depot.pair({}, { resolve, allow: ['bind:127.0.0.1'] });
  echo = await udpEcho();
  await depot.addUser('alice');
  client = await depot.addClient('alice');
});
after(async () => {
  await echo[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
});

const associate = (to = client): Promise<AssociatedClient> => AssociatedClient.open({ socksPort: to.address.port });
const ask = (command: number, host: string, to = client): Promise<[Wire, SocksReply]> =>
  handshake({ socksPort: to.address.port, host, port: 0, command });
const replyTo = async (command: number, host: string, to = client): Promise<number> => {
  const [wire, { reply }] = await ask(command, host, to);
  wire[Symbol.dispose]();
  return reply;
};
const nextEnd = async (of: { readonly events: NodeJS.EventEmitter }): Promise<StreamEnd> => {
  const [end] = (await once(of.events, 'streamEnd')) as [StreamEnd];
  return end;
};

describe('UDP ASSOCIATE through a client', () => {
  test('carries datagrams by name and by address, as the user of the client, and ends with its connection', async () => {
    const udp = await associate();
    await using _ = udp;
    assert.deepEqual([udp.reply.reply, udp.reply.host], [0, LOOPBACK]);
    for (const host of ['home.depot', LOOPBACK]) {
      udp.send(host, echo.port, host);
      assert.deepEqual(await udp.next(), { host: LOOPBACK, port: echo.port, data: Buffer.from(host) });
    }
    const ends = Promise.all([nextEnd(client), nextEnd(depot.server)]);
    udp.wire.socket.resetAndDestroy();
    const [here, there] = await ends;
    const bytes = 'home.depot'.length + LOOPBACK.length;
    for (const { command, bytesUp, bytesDown, error } of [here, there])
      assert.deepEqual([command, bytesUp, bytesDown, error], ['associate', bytes, bytes, undefined]);
    assert.equal(there.user, 'alice');
  });

  test('ends with the link', async () => {
    await depot.addUser('carol');
    const other = await depot.addClient('carol', { device: 'laptop' });
    await using udp = await associate(other);
    assert.equal(await udp.ask('home.depot', echo.port, 'hello'), 'hello');
    depot.server.kick('carol/laptop');
    assert.equal(await udp.wire.ending(), 'fin');
  });
});

describe('BIND through a client', () => {
  test('tells both replies, and takes the app’s connection', async () => {
    const [wire, first] = await ask(Command.bind, LOOPBACK);
    using _ = wire;
    assert.deepEqual([first.reply, first.host], [0, LOOPBACK]);
    const app = net.connect({ host: first.host, port: first.port });
    const second = await wire.readReply();
    assert.deepEqual(second, { reply: 0, host: LOOPBACK, port: app.localPort });
    wire.write(Buffer.from('question'));
    assert.equal(String((await once(app, 'data')) as [Buffer]), 'question');
    app.end('answer');
    assert.equal(String(await wire.rest()), 'answer');
  });

  test('is refused where no rule of the local allows it (2), or the user has rules about targets (2)', async () => {
    assert.equal(await replyTo(Command.bind, '192.0.2.1'), 2);
    await depot.addUser('dave', [], { rules: ['allow *'] });
    assert.equal(await replyTo(Command.bind, LOOPBACK, await depot.addClient('dave')), 2);
  });

  test('is over for the app, too, when the program has gone', async () => {
    const [wire, first] = await ask(Command.bind, LOOPBACK);
    const end = nextEnd(depot.server);
    wire.socket.resetAndDestroy();
    assert.equal((await end).command, 'bind');
    for (;;) {
      const late = net.connect({ host: first.host, port: first.port });
      const isRefused = await once(late, 'connect').then(
        () => false,
        () => true,
      );
      late.destroy();
      if (isRefused) return;
    }
  });
});

test('RESOLVE and RESOLVE_PTR through a client are answered by the local', async () => {
  const [named, { reply, host }] = await ask(Command.resolve, 'localhost');
  using _ = named;
  assert.deepEqual([reply, host], [0, LOOPBACK]);
  const [virtual, { host: address }] = await ask(Command.resolve, 'home.depot');
  using __ = virtual;
  assert.match(address, /^198\.1[89]\./);
  const [back, { host: name }] = await ask(Command.resolvePtr, address);
  using ___ = back;
  assert.equal(name, 'home.depot');
  assert.equal(await replyTo(Command.resolve, 'nowhere.invalid'), 4);
});

describe('the rules of a user', () => {
  test('decide about each datagram; what they deny is dropped and counted', async () => {
    await using secret = await udpEcho('secret ');
    await depot.addUser('bob', [], { rules: [`allow home.depot:${echo.port}`] });
    const bobs = await depot.addClient('bob');
    await using udp = await associate(bobs);
    udp.send('home.depot', secret.port, 'no');
    assert.equal(await udp.ask('home.depot', echo.port, 'yes'), 'yes');
    const end = nextEnd(depot.server);
    udp.wire.finish();
    assert.equal((await end).dropped, 1);
    assert.equal(secret.waiting, 0);
  });

  test('about addresses decide about datagrams to addresses, and let none to a name by', async () => {
    await depot.addUser('erin', [], { rules: ['deny 127.0.0.9', 'allow 127.0.0.0/8'] });
    const erins = await depot.addClient('erin');
    await using denied = await udpEcho('denied ', '127.0.0.9');
    await using udp = await associate(erins);
    udp.send('127.0.0.9', denied.port, 'no');
    udp.send('name.home.depot', echo.port, 'no');
    assert.equal(await udp.ask(LOOPBACK, echo.port, 'yes'), 'yes');
    assert.equal(denied.waiting, 0);
  });

  test('that change end an association that they forbid at once, and refuse the next (2)', async () => {
    await depot.addUser('frank');
    const franks = await depot.addClient('frank');
    await using udp = await associate(franks);
    assert.equal(await udp.ask('home.depot', echo.port, '1'), '1');
    await depot.server.administration.setUser('frank', { from: ['192.0.2.0/24'] });
    assert.equal(await udp.wire.ending(), 'fin');
    await using refused = await associate(franks);
    assert.equal(refused.reply.reply, 2);
  });

  test('that change count for the next datagrams of an association that runs', async () => {
    await depot.addUser('grace');
    await using udp = await associate(await depot.addClient('grace'));
    assert.equal(await udp.ask('home.depot', echo.port, '1'), '1');
    await depot.server.administration.setUser('grace', { rules: ['allow home.depot:9'] });
    const end = nextEnd(depot.server);
    // A route counts for a moment after it was looked up.
    while (depot.server.status().streams.every(({ dropped }) => dropped === 0)) {
      udp.send('home.depot', echo.port, '2');
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
    udp.wire.finish();
    assert.ok((await end).dropped > 0);
  });
});
