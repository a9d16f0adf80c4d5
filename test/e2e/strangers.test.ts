// Strangers at the control port: no key, no sense, no patience. They are shown out; users notice nothing.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { App, ending } from '../support/apps.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import {
  controlHello,
  invitationOf,
  jsonOf,
  LinkClient,
  LinkSession,
  newIdentity,
  tunnelHello,
  Type,
} from '../support/link-client.ts';
import { type Line, recordedLog } from '../support/recorded-log.ts';
import { handshake, openStream } from '../support/socks-client.ts';

const HANDSHAKE_MS = 700;

let depot: Depot;
let echo: App;
before(async () => {
  depot = await Depot.pair({ handshakeMs: HANDSHAKE_MS });
  echo = await App.echo();
});
after(async () => {
  await echo[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
});

const knock = (identity = newIdentity()): Promise<LinkClient> =>
  LinkClient.connect(depot.server.address.controlPort, identity);

const tcp = async (...bytes: readonly Uint8Array[]): Promise<net.Socket> => {
  const socket = net.connect({ host: LOOPBACK, port: depot.server.address.controlPort, allowHalfOpen: true });
  await once(socket, 'connect');
  for (const piece of bytes) socket.write(piece);
  return socket;
};

const clientHello = Buffer.from('160301', 'hex');

describe('who says something wrong is closed at once, with a reason once there is TLS', () => {
  const strangers: readonly (readonly [string, string | undefined, (client: LinkClient) => void])[] = [
    ['an unknown key', 'unknown-local', (client) => client.send(Type.hello, 0, controlHello())],
    [
      'a made-up invitation',
      'invitation-invalid',
      (client) => client.send(Type.hello, 0, controlHello('A'.repeat(43))),
    ],
    [
      'no version in common',
      'version-mismatch',
      (client) => client.send(Type.hello, 0, controlHello(undefined, [999])),
    ],
    ['a tunnel of nobody', 'protocol-violation', (client) => client.send(Type.hello, 0, tunnelHello('x'))],
    ['another first frame', 'protocol-violation', (client) => client.send(Type.open, 1, {})],
    ['data first', 'protocol-violation', (client) => client.send(Type.data, 1, Buffer.from('data'))],
    ['no JSON', 'protocol-violation', (client) => client.send(Type.hello, 0, Buffer.from('{'))],
    ['the wrong JSON', 'protocol-violation', (client) => client.send(Type.hello, 0, { purpose: 'everything' })],
    ['no text', 'protocol-violation', (client) => client.send(Type.hello, 0, Buffer.from([0xff, 0xfe]))],
    ['an unknown frame', 'protocol-violation', (client) => client.send(0x7f, 0, {})],
    ['a frame over its cap', 'protocol-violation', (client) => client.send(Type.hello, 0, Buffer.alloc(20_000, 'x'))],
    ['HTTP', 'protocol-violation', (client) => void client.socket.write('GET / HTTP/1.1\r\nHost: depot\r\n\r\n')],
  ];
  for (const [what, code, act] of strangers) {
    test(what, async () => {
      using client = await knock();
      act(client);
      assert.equal(await client.turnedAway(), code);
    });
  }

  test('TLS without a key of its own', async () => {
    using client = await LinkClient.connect(depot.server.address.controlPort);
    assert.equal(await client.turnedAway(), undefined);
  });

  test('the log says who it was, and why', async () => {
    const { log, events } = recordedLog();
    await using watched = await Depot.server({ log });
    for (const [what, code, act] of strangers) {
      const turnedAway = once(events, 'turned-away');
      using client = await LinkClient.connect(watched.server.address.controlPort, newIdentity());
      act(client);
      await client.turnedAway();
      const [{ port, from, why }] = (await turnedAway) as Line;
      assert.deepEqual([port, from], ['control', LOOPBACK], what);
      assert.ok(String(why).length > 0, `${code}`);
    }
  });

  test('no TLS', async () => {
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from([5, 1, 0]), Buffer.alloc(70_000)]) {
      await ending(await tcp(bytes));
    }
  });

  test('an invitation that was tried in vain is still good for its local', async () => {
    const { link } = await depot.server.administration.invite('late');
    using client = await knock();
    client.send(Type.hello, 0, controlHello(`${invitationOf(link)}x`));
    assert.equal(await client.turnedAway(), 'invitation-invalid');
    using invited = await knock();
    invited.send(Type.hello, 0, controlHello(invitationOf(link)));
    assert.equal(jsonOf(await invited.next(Type.welcome))['name'], 'late');
  });
});

test('who says nothing is closed by the deadline, while requests of users go on', { timeout: 15_000 }, async () => {
  const idle = Array.from({ length: 60 }, () => tcp());
  const half = Array.from({ length: 60 }, () => tcp(clientHello));
  const garbage = Array.from({ length: 60 }, () => tcp(randomBytes(1000)));
  const silent = Array.from({ length: 20 }, () => knock());
  const closed = Promise.all([
    ...[...idle, ...half, ...garbage].map(async (socket) => ending(await socket)),
    ...silent.map(async (client) => (await client).turnedAway()),
  ]);
  const gone = new AbortController();
  void closed.then(() => gone.abort());
  let requests = 0;
  while (!gone.signal.aborted) {
    const client = await openStream(depot.target('home.depot', echo.port));
    client.end('hello');
    assert.equal(await ending(client), 'fin');
    requests += 1;
  }
  assert.ok(requests > 0, 'there were requests meanwhile');
  assert.ok((await closed).includes('timed-out'), 'who came as far as TLS was told why');
});

describe('a tunnel belongs to the local that was asked for it, once', () => {
  const join = async (name: string): Promise<LinkSession> => {
    const { link } = await depot.server.administration.invite(name);
    return LinkSession.join(depot.server.address.controlPort, link);
  };

  test('ids are long, and all different', async () => {
    using local = await join('ids');
    const ids = await local.askedFor();
    assert.ok(ids.length > 1);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) assert.ok(Buffer.from(id, 'base64url').length >= 16, id);
  });

  test('an id that was used is refused, and the tunnel that it made goes on', async () => {
    using local = await join('twice');
    const [id] = await local.askedFor();
    const tunnel = await local.bring(id);
    await tunnel.next(Type.ping);
    const again = await local.bring(id);
    assert.equal(await again.turnedAway(), 'protocol-violation');
    const asking = handshake(depot.target('twice.depot', 4242));
    const open = await tunnel.next(Type.open);
    assert.deepEqual(jsonOf(open)['destination'], { host: 'localhost', port: 4242 });
    local.control.socket.destroy();
    const [wire, { reply }] = await asking;
    wire[Symbol.dispose]();
    assert.equal(reply, 1, 'the local is gone before it answered');
  });

  test('an id is of no use to another key', async () => {
    using mine = await join('mine');
    using yours = await join('yours');
    const [id = ''] = await mine.askedFor();
    const thief = await yours.bring(id);
    assert.equal(await thief.turnedAway(), 'protocol-violation');
    using stranger = await knock();
    stranger.send(Type.hello, 0, tunnelHello(id));
    assert.equal(await stranger.turnedAway(), 'protocol-violation');
    const owner = await mine.bring(id);
    await owner.next(Type.ping);
  });

  test('ids end with the session that they were made for', async () => {
    using local = await join('gone');
    const [id] = await local.askedFor();
    const down = once(depot.server.events, 'localDown');
    local.control.socket.destroy();
    await down;
    const late = await local.bring(id);
    assert.equal(await late.turnedAway(), 'protocol-violation');
  });
});

test('an id expires', async () => {
  await using other = await Depot.server({ tunnelIdMs: 50 });
  using local = await LinkSession.join(other.server.address.controlPort, other.firstLink);
  const [id] = await local.askedFor();
  // New ids come when the old ones are too old.
  await local.askedFor();
  const late = await local.bring(id);
  assert.equal(await late.turnedAway(), 'protocol-violation');
});

test('more silent strangers than may wait: the oldest go, and users and locals come in as ever', async () => {
  await using crowded = await Depot.pair({ strangersMax: 20, strangersPerAddressMax: 20 });
  const { socksPort, server } = crowded;
  for (const port of [socksPort, server.address.controlPort]) {
    let shownOut = 0;
    const enough = Promise.withResolvers<void>();
    const sockets = Array.from({ length: 60 }, () => net.connect({ host: LOOPBACK, port }));
    for (const socket of sockets) {
      socket
        .on('error', () => undefined)
        .on('close', () => {
          shownOut += 1;
          if (shownOut === 40) enough.resolve();
        });
      socket.resume();
    }
    await enough.promise;
    assert.equal(shownOut, 40);
    const stream = await openStream(crowded.target('home.depot', echo.port));
    stream.destroy();
    const { link } = await server.administration.invite(`local-${port}`);
    await crowded.join(link);
    for (const socket of sockets) socket.destroy();
  }
});
