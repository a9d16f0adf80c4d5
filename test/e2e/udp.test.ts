// UDP ASSOCIATE through the whole path. That a datagram was dropped shows in the next one: it is the first that arrives.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { DepotLocal, DepotServer, StreamEnd } from '../../src/index.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { LinkSession } from '../support/link-client.ts';
import { handshake } from '../support/socks-client.ts';
import { AssociatedClient, datagram, udpEcho, UdpPeer } from '../support/udp.ts';

const ASSOCIATE = 3;
const resolve = async (host: string): Promise<readonly string[]> => (host === '::1' ? ['::1'] : [LOOPBACK]);

let depot: Depot;
let echo: UdpPeer;
before(async () => {
  depot = await Depot.pair({}, { resolve });
  echo = await udpEcho();
});
after(async () => {
  await echo[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
});

const associate = (to: Depot = depot, announce = false): Promise<AssociatedClient> =>
  AssociatedClient.open({ socksPort: to.socksPort, login: to.login }, { announce });
const nextEnd = async (of: Pick<DepotServer | DepotLocal, 'events'>): Promise<StreamEnd> => {
  const [end] = (await once(of.events as EventEmitter, 'streamEnd')) as [StreamEnd];
  return end;
};

describe('datagrams', () => {
  test('go to apps by address of both families and by name, and answers say where they come from', async () => {
    await using six = await udpEcho('six ', '::1');
    await using client = await associate();
    assert.deepEqual([client.reply.reply, client.reply.host], [0, LOOPBACK]);
    for (const host of [LOOPBACK, 'home.depot', 'dns.home.depot', 'localhost']) {
      client.send(host, echo.port, host);
      assert.deepEqual(await client.next(), { host: LOOPBACK, port: echo.port, data: Buffer.from(host) });
    }
    client.send('::1', six.port, 'hello');
    assert.deepEqual(await client.next(), { host: '::1', port: six.port, data: Buffer.from('six hello') });
  });

  test('keep their borders, from nothing to as much as UDP carries', async () => {
    await using client = await associate();
    for (const length of [0, 1, 2, 1472, 9000, 16_384, 65_507 - 10]) {
      const data = randomBytes(length);
      client.send(LOOPBACK, echo.port, data);
      assert.ok((await client.next()).data.equals(data), `${length} bytes`);
    }
  });

  test('many in a row all come back, in order', async () => {
    await using client = await associate();
    for (let round = 0; round < 20; round += 1) {
      for (let index = 0; index < 20; index += 1) client.send(LOOPBACK, echo.port, `${round}.${index}`);
      for (let index = 0; index < 20; index += 1)
        assert.equal((await client.next()).data.toString(), `${round}.${index}`);
    }
  });

  test('that are fragments, or no datagrams of SOCKS, are dropped', async () => {
    await using client = await associate();
    client.send(LOOPBACK, echo.port, 'fragment', 1);
    client.send(LOOPBACK, echo.port, 'last fragment', 0x81);
    for (const bytes of [Buffer.alloc(0), Buffer.from([0, 0, 0, 9]), datagram(LOOPBACK, 80, '').subarray(0, 8)])
      client.udp.send(bytes, client.reply.port);
    client.send(LOOPBACK, 0, 'nowhere');
    assert.equal(await client.ask(LOOPBACK, echo.port, 'whole'), 'whole');
  });
});

describe('strangers', () => {
  test('at another address are not heard, before and after the client', async () => {
    await using client = await associate();
    await using stranger = await UdpPeer.bind('127.0.0.9');
    stranger.send(datagram(LOOPBACK, echo.port, 'stranger'), client.reply.port);
    assert.equal(await client.ask(LOOPBACK, echo.port, 'client'), 'client');
    stranger.send(datagram(LOOPBACK, echo.port, 'stranger'), client.reply.port);
    assert.equal(await client.ask(LOOPBACK, echo.port, 'again'), 'again');
    assert.equal(stranger.waiting, 0);
  });

  test('at another port are not heard as soon as the port is known: by the first datagram, or by the request', async () => {
    for (const announce of [false, true]) {
      await using client = await associate(depot, announce);
      await using stranger = await UdpPeer.bind();
      if (!announce) assert.equal(await client.ask(LOOPBACK, echo.port, 'first'), 'first');
      stranger.send(datagram(LOOPBACK, echo.port, 'stranger'), client.reply.port);
      assert.equal(await client.ask(LOOPBACK, echo.port, 'client'), 'client');
      assert.equal(stranger.waiting, 0);
    }
  });

  test('who answer though nobody asked them are not heard, but an app may answer from another port', async () => {
    await using client = await associate();
    await using app = await UdpPeer.bind();
    client.send(LOOPBACK, app.port, 'question');
    const { port } = await app.next();
    await using stranger = await UdpPeer.bind('127.0.0.9');
    await using other = await UdpPeer.bind();
    stranger.send('from a stranger', port);
    other.send('from another port', port);
    assert.deepEqual(await client.next(), { host: LOOPBACK, port: other.port, data: Buffer.from('from another port') });
  });
});

describe('an association', () => {
  test('ends with its TCP connection, on both sides and in order', async () => {
    await using pair = await Depot.pair();
    for (const how of ['end', 'resetAndDestroy'] as const) {
      await using client = await associate(pair);
      assert.equal(await client.ask('home.depot', echo.port, 'hello'), 'hello');
      const ends = Promise.all([nextEnd(pair.server), nextEnd(pair.local)]);
      client.wire.socket[how]();
      for (const { command, bytesUp, bytesDown, dropped, error } of await ends) {
        assert.deepEqual([command, bytesUp, bytesDown, dropped, error], ['associate', 5, 5, 0, undefined]);
      }
      await using probe = await UdpPeer.bind(LOOPBACK, client.reply.port);
      assert.equal(probe.port, client.reply.port, 'its port is free again');
    }
  });

  test('that carries nothing is ended, and so is its TCP connection', async () => {
    await using idle = await Depot.pair({ udpIdleMs: 100 });
    await using client = await associate(idle);
    assert.equal(await client.ask('home.depot', echo.port, 'hello'), 'hello');
    assert.equal(await client.wire.ending(), 'fin');
  });

  test('reaches as many locals as it names, and outlives one that comes back', async () => {
    await using two = await Depot.server();
    const ADDRESSES = { nas: '127.0.0.3', office: '127.0.0.4' };
    for (const [name, address] of Object.entries(ADDRESSES))
      await two.addLocal(name, { resolve: async (host) => [host === LOOPBACK ? host : address] });
    await using nas = await udpEcho('nas ', '127.0.0.3');
    await using office = await udpEcho('office ', '127.0.0.4');
    await using client = await associate(two);
    assert.equal(await client.ask('nas.depot', nas.port, '1'), 'nas 1');
    assert.equal(await client.ask('pi.office.depot', office.port, '2'), 'office 2');
    const [down, up] = [once(two.server.events, 'localDown'), once(two.server.events, 'localUp')];
    two.server.kick('nas');
    await Promise.all([down, up]);
    // The way is tried again a while after it failed, so the first ones may be dropped.
    const timer = setInterval(() => client.send('nas.depot', nas.port, '3'), 20);
    assert.equal((await client.next()).data.toString(), 'nas 3');
    clearInterval(timer);
  });

  test('is refused where no local is connected (1), and where every one is too old (7)', async () => {
    await using lonely = await Depot.server();
    assert.equal(
      (
        await handshake({
          socksPort: lonely.socksPort,
          login: lonely.login,
          host: '0.0.0.0',
          port: 0,
          command: ASSOCIATE,
        })
      )[1].reply,
      1,
    );
    const up = once(lonely.server.events, 'localUp');
    using _ = await LinkSession.join(lonely.server.address.controlPort, lonely.firstLink, [1]);
    await up;
    await using client = await associate(lonely);
    assert.equal(client.reply.reply, 7);
  });

  test('tells the address and the ports that the operator chose', async () => {
    const port = await UdpPeer.freePort();
    await using chosen = await Depot.pair({ advertiseUdp: '203.0.113.5', udpPorts: `${port}-${port}` });
    await using client = await associate(chosen);
    assert.deepEqual(client.reply, { reply: 0, host: '203.0.113.5', port });
    assert.equal(await client.ask('home.depot', echo.port, 'hello'), 'hello');
    await using second = await associate(chosen);
    assert.equal(second.reply.reply, 1);
  });
});

describe('limits', () => {
  for (const limit of ['udpAssociationsMax', 'udpAssociationsPerUserMax'] as const) {
    test(`${limit}: one more is refused until one has ended`, async () => {
      await using limited = await Depot.pair({ [limit]: 1 });
      const other = { ...limited.login, ...(await limited.addUser('other')) };
      const replyTo = async (login = limited.login): Promise<number> => {
        await using client = await AssociatedClient.open({ socksPort: limited.socksPort, login });
        return client.reply.reply;
      };
      await using first = await associate(limited);
      assert.equal(await replyTo(), 1);
      assert.equal(await replyTo(other), limit === 'udpAssociationsMax' ? 1 : 0);
      const end = nextEnd(limited.server);
      first.wire.finish();
      await end;
      assert.equal(await replyTo(), 0);
    });
  }

  test('udpDestinationsMax: one more gets nothing, those that are known go on', async () => {
    await using limited = await Depot.pair({}, { udpDestinationsMax: 1 });
    await using other = await udpEcho('other ');
    await using client = await associate(limited);
    assert.equal(await client.ask(LOOPBACK, echo.port, '1'), '1');
    client.send(LOOPBACK, other.port, '2');
    assert.equal(await client.ask(LOOPBACK, echo.port, '3'), '3');
  });

  test("local's rules count for every destination; what they refuse is dropped, counted and logged once", async () => {
    const refused: unknown[] = [];
    const ignore = (): void => undefined;
    const log = {
      debug: ignore,
      info: (fields: { event?: string }) => fields.event === 'datagrams-refused' && refused.push(fields),
      warn: ignore,
      error: ignore,
    };
    await using strict = await Depot.pair({}, { allow: [`localhost:${echo.port}`], log });
    await using secret = await udpEcho('secret ');
    await using client = await associate(strict);
    client.send(LOOPBACK, secret.port, '1');
    client.send(LOOPBACK, secret.port, '2');
    assert.equal(await client.ask(LOOPBACK, echo.port, '3'), '3');
    const end = nextEnd(strict.local);
    client.wire.finish();
    assert.equal((await end).dropped, 2);
    assert.equal(secret.waiting, 0);
    assert.equal(refused.length, 1);
  });
});

describe('rules of the server about addresses', () => {
  const rules = ['deny *:9', 'allow 127.0.0.1'];
  const byName = async (host: string): Promise<readonly string[]> => [host === 'other' ? '127.0.0.2' : LOOPBACK];

  test('count for what the local finds for a name', async () => {
    await using ruled = await Depot.pair({}, { resolve: byName });
    await using other = await udpEcho('other ', '127.0.0.2');
    const login = await ruled.addUser('alice', [], { rules });
    await using client = await AssociatedClient.open({ socksPort: ruled.socksPort, login });
    client.send('other.home.depot', other.port, '1');
    client.send('127.0.0.2', other.port, '2');
    for (const host of ['one.home.depot', 'home.depot', LOOPBACK])
      assert.equal(await client.ask(host, echo.port, host), host);
    const end = nextEnd(ruled.local);
    client.wire.finish();
    await end;
    assert.equal(other.waiting, 0);
  });

  test('drop what goes to a local that is too old to apply them', async () => {
    await using ruled = await Depot.server({ rules });
    const up = once(ruled.server.events, 'localUp');
    using _ = await LinkSession.join(ruled.server.address.controlPort, ruled.firstLink, [2, 1]);
    await up;
    await using client = await associate(ruled);
    client.send('one.home.depot', echo.port, 'never');
    while (ruled.server.status().streams[0]?.dropped !== 1) await setImmediate();
  });
});
