// `depot client`: what a user of it meets, and what it must not allow.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createClient, createLocal, type DepotClient, type DepotError } from '../../src/index.ts';
import { App, collect, ending } from '../support/apps.ts';
import { Depot, LOOPBACK, serverIn, tempDir } from '../support/depot.ts';
import { controlHello, invitationOf, LinkClient, LinkSession, newIdentity, Type } from '../support/link-client.ts';
import { evaluatePac } from '../support/pac.ts';
import { curl } from '../support/programs.ts';
import { handshake, openStream, type SocksReply } from '../support/socks-client.ts';

const clientHello = (invitation?: string): object => ({
  ...controlHello(invitation),
  purpose: 'client',
  device: 'Test',
});

/** What a client's port answers to a request. */
const replyOf = async (client: DepotClient, host: string, port: number): Promise<SocksReply['reply']> => {
  const [wire, { reply }] = await handshake({ socksPort: client.address.port, host, port });
  wire[Symbol.dispose]();
  return reply;
};

describe('a client that has joined', () => {
  let depot: Depot;
  let client: DepotClient;
  before(async () => {
    depot = await Depot.pair();
    await depot.addUser('alice');
    client = await depot.addClient('alice', { device: 'Laptop.example.org' });
  });
  after(() => depot[Symbol.asyncDispose]());

  test('carries what comes to its port without a password, as its user', async () => {
    await using app = await App.listen((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nhello'));
    const ended = once(depot.server.events, 'streamEnd');
    const { stdout, stderr } = await curl(
      `socks5h://${LOOPBACK}:${client.address.port}`,
      `http://home.depot:${app.port}/`,
    );
    assert.equal(stdout, 'hello', stderr);
    const [{ user, from, local }] = (await ended) as [{ user: string; from: string; local: string }];
    assert.deepEqual({ user, from, local }, { user: 'alice', from: LOOPBACK, local: 'home' });
  });

  test('is known as a device of its user, on both sides', () => {
    const { role, user, name, connected, tunnels } = client.status();
    assert.deepEqual(
      { role, user, name, connected },
      { role: 'client', user: 'alice', name: 'laptop', connected: true },
    );
    assert.ok(tunnels.idle > 0);
    const [device] = depot.server.status().clients;
    assert.deepEqual([device?.user, device?.device, device?.connected], ['alice', 'laptop', true]);
  });

  test('tells the truth that the server tells', async () => {
    assert.equal(await replyOf(client, 'home.depot', await App.closedPort()), 5);
    assert.equal(await replyOf(client, 'nowhere.depot', 80), 1);
    const [wire, { bound }] = await (async () => {
      await using app = await App.echo();
      const [opened, answer] = await handshake({ socksPort: client.address.port, host: 'home.depot', port: app.port });
      return [opened, { bound: answer.host }] as const;
    })();
    wire[Symbol.dispose]();
    assert.equal(bound, LOOPBACK);
  });

  test('loses no byte, and ends each direction on its own', async () => {
    const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
    await using app = await App.listen((socket) => {
      void collect(socket).then((all) => socket.end(Buffer.concat([all, Buffer.from(digestOf(all))])));
    });
    const sent = randomBytes(3 * 1024 * 1024 + 7);
    const socket = await openStream({ socksPort: client.address.port, host: 'home.depot', port: app.port });
    const received = collect(socket);
    socket.end(sent);
    assert.equal(digestOf(await received), digestOf(Buffer.concat([sent, Buffer.from(digestOf(sent))])));
  });

  test('carries more streams at once than it has tunnels', async () => {
    await using app = await App.echo();
    const streams = await Promise.all(
      Array.from({ length: 60 }, () =>
        openStream({ socksPort: client.address.port, host: 'home.depot', port: app.port }),
      ),
    );
    const answers = await Promise.all(
      streams.map((socket, index) => {
        const answer = collect(socket);
        socket.end(`stream ${index}`);
        return answer;
      }),
    );
    assert.deepEqual(
      answers.map(String),
      streams.map((_, index) => `stream ${index}`),
    );
  });

  test('an app that aborts is an abort', async () => {
    await using app = await App.listen((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const socket = await openStream({ socksPort: client.address.port, host: 'home.depot', port: app.port });
    socket.write('now');
    assert.equal(await ending(socket), 'rst');
  });

  test('a second device of the same name gets a name of its own', async () => {
    const second = await depot.addClient('alice', { device: 'laptop' });
    assert.equal(second.status().name, 'laptop-2');
    assert.equal(client.status().connected, true);
  });

  test('kick ends its session on the server, and it comes back', async () => {
    const back = once(client.events, 'connected');
    depot.server.kick('alice/laptop');
    await back;
  });

  test('is an HTTP proxy without a password, too', async () => {
    await using app = await App.listen((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nhello'));
    for (const args of [[], ['--proxytunnel']]) {
      const url = `http://home.depot:${app.port}/`;
      const { stdout, stderr } = await curl(`http://${LOOPBACK}:${client.address.port}`, ...args, url);
      assert.equal(stdout, 'hello', stderr);
    }
  });

  test('speaks all of that inside TLS, with a certificate of its own', async () => {
    await using app = await App.listen((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nhello'));
    using other = tempDir();
    const own = await depot.addClient('alice', { home: other.path });
    const proxy = `https://localhost:${own.address.port}`;
    const trust = ['--proxy-cacert', path.join(other.path, 'certificate.pem')];
    for (const args of [trust, [...trust, '--proxytunnel']]) {
      const { stdout, stderr } = await curl(proxy, ...args, `http://home.depot:${app.port}/`);
      assert.equal(stdout, 'hello', stderr);
    }
    assert.equal((await curl(proxy, `http://home.depot:${app.port}/`)).stdout, '', 'nobody else vouches for it');
    await own.stop();
  });

  /** What the port itself answers to one request. */
  const ask = async (...lines: readonly string[]): Promise<string> => {
    const socket = net.connect({ host: LOOPBACK, port: client.address.port });
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    return String(await collect(socket));
  };

  test('serves the PAC file to this machine', async () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      const answer = await ask('GET /proxy.pac HTTP/1.1', `Host: ${host}:${client.address.port}`);
      assert.match(answer, /^HTTP\/1\.1 200 /);
      assert.match(answer, new RegExp(`"PROXY .*:${client.address.port}"`));
    }
    assert.match(await ask('GET /proxy.pac HTTP/1.1', 'Host: localhost', 'Sec-Fetch-Site: none'), /^HTTP\/1\.1 200 /);
  });

  test('tells browsers what its user may reach and its owner named, and nothing that is on the internet', async () => {
    const rules = ['deny secret.lan', 'allow *.lan', 'allow 10.1.0.0/16', 'allow *.com', 'allow 8.0.0.0/8'];
    await depot.addUser('dora', ['home'], { rules });
    const other = await depot.addClient('dora', { pacHosts: ['wiki.example.org:443'] });
    const answer = await (await fetch(`http://${LOOPBACK}:${other.address.port}/proxy.pac`)).text();
    const find = evaluatePac(answer);
    assert.match(find('wiki.example.org', 'https://wiki.example.org/'), /^PROXY/);
    for (const host of ['nas.depot', 'printer.lan', '10.1.2.3']) assert.match(find(host), /^PROXY/, host);
    for (const host of ['secret.lan', 'bank.com', '8.8.8.8', '10.2.0.1', 'wiki.example.org'])
      assert.equal(find(host), 'DIRECT', host);
    await other.stop();
  });

  const PAGES: Readonly<Record<string, readonly string[]>> = {
    'through a name that was made to point here': ['Host: evil.example:1080'],
    'with an Origin': ['Host: localhost', 'Origin: https://evil.example'],
    'from another site': ['Host: localhost', 'Sec-Fetch-Site: cross-site'],
    'as a script from another port of this machine': ['Host: localhost', 'Sec-Fetch-Site: same-site'],
    'without saying to whom it speaks': ['Host: '],
  };
  for (const [how, headers] of Object.entries(PAGES)) {
    test(`answers no web page ${how}`, async () => {
      const answer = await ask('GET /proxy.pac HTTP/1.1', ...headers);
      assert.match(answer, /^HTTP\/1\.1 403 /);
      assert.doesNotMatch(answer, /FindProxyForURL/);
    });
  }

  test('takes no request for one that is the body of a page’s request', async () => {
    let streams = 0;
    const count = (): number => (streams += 1);
    client.events.on('streamStart', count);
    const body = 'GET http://home.depot:80/ HTTP/1.1\r\nHost: home.depot\r\n\r\n';
    const head = ['Host: localhost', 'Origin: https://evil.example', 'Content-Type: text/plain'];
    const answer = await ask('POST / HTTP/1.1', ...head, `Content-Length: ${body.length}`, '', body);
    assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1);
    assert.match(answer, /^HTTP\/1\.1 403 /);
    assert.equal(streams, 0);
    client.events.off('streamStart', count);
  });

  test('keeps to the locals of its user', async () => {
    await depot.addUser('bob', ['office']);
    const bobs = await depot.addClient('bob');
    assert.equal(await replyOf(bobs, 'home.depot', 80), 2);
  });
});

describe('a client is cut off at once', () => {
  const cases: Readonly<Record<string, (depot: Depot) => Promise<void>>> = {
    'when it is revoked': (depot) => depot.server.administration.revokeClient('alice', 'laptop'),
    'when its user is removed': (depot) => depot.server.administration.removeUser('alice'),
  };
  for (const [when, cut] of Object.entries(cases)) {
    test(when, async () => {
      await using depot = await Depot.pair();
      await depot.addUser('alice');
      const client = await depot.addClient('alice', { device: 'laptop' });
      await using app = await App.listen(() => undefined);
      const socket = await openStream({ socksPort: client.address.port, host: 'home.depot', port: app.port });
      const [ended, lost] = [ending(socket), once(client.events, 'disconnected')];
      await cut(depot);
      assert.equal(await ended, 'rst');
      const [{ error }] = (await lost) as [{ error: DepotError }];
      assert.equal(error.code, 'revoked');
      const [{ error: again }] = (await once(client.events, 'disconnected')) as [{ error: DepotError }];
      assert.equal(again.code, 'unknown-client');
      assert.equal(await replyOf(client, 'home.depot', app.port), 1);
      assert.deepEqual(depot.server.status().clients, []);
    });
  }
});

test('a client finds back to a server that was started again, with its key alone', async () => {
  using homes = tempDir();
  const [serverHome, clientHome] = [path.join(homes.path, 's'), path.join(homes.path, 'c')];
  const first = await serverIn(serverHome);
  const { controlPort } = first.address;
  const { link } = await first.administration.inviteClient('owner');
  await using client = await createClient({ home: clientHome, port: 0, link });
  await once(client.events, 'connected');
  await first.stop();
  assert.equal(await replyOf(client, 'home.depot', 80), 1);
  const back = once(client.events, 'connected');
  await using server = await serverIn(serverHome, { controlPort });
  await back;
  assert.equal(server.status().clients[0]?.connected, true);
  await using local = await createLocal({
    home: path.join(homes.path, 'l'),
    link: (await server.administration.invite('home')).link,
  });
  await once(local.events, 'connected');
  await using app = await App.echo();
  assert.equal(await replyOf(client, 'home.depot', app.port), 0);
});

test('a server that drains lets the streams of a client end, and begins no more', async () => {
  await using depot = await Depot.pair();
  const client = await depot.addClient('owner');
  await using app = await App.echo();
  const target = { socksPort: client.address.port, host: 'home.depot', port: app.port };
  const socket = await openStream(target);
  const stopped = depot.server.stop({ drain: true });
  assert.equal(await replyOf(client, target.host, target.port), 1);
  const answer = collect(socket);
  socket.end('last words');
  assert.equal(String(await answer), 'last words');
  await stopped;
});

describe('who may not come in as a client', () => {
  let depot: Depot;
  before(async () => {
    depot = await Depot.server();
  });
  after(() => depot[Symbol.asyncDispose]());

  const turnedAway = async (hello: object, identity = newIdentity()): Promise<unknown> => {
    using stranger = await LinkClient.connect(depot.server.address.controlPort, identity);
    stranger.send(Type.hello, 0, hello);
    return await stranger.turnedAway();
  };

  test('a key that nobody registered', async () => {
    assert.equal(await turnedAway(clientHello()), 'unknown-client');
  });

  test('the key of a local, and the other way round', async () => {
    const { administration, address } = depot.server;
    const device = clientHello(invitationOf((await administration.inviteClient('owner')).link));
    using local = await LinkSession.join(address.controlPort, (await administration.invite('nas')).link);
    using client = await LinkSession.open(address.controlPort, device);
    assert.equal(await turnedAway(clientHello(), local.identity), 'unknown-client');
    assert.equal(await turnedAway(controlHello(), client.identity), 'unknown-local');
  });

  test('an invitation for a local, which stays good for one', async () => {
    const invitation = invitationOf((await depot.server.administration.invite('cellar')).link);
    assert.equal(await turnedAway(clientHello(invitation)), 'invitation-invalid');
    using _ = await LinkSession.open(depot.server.address.controlPort, controlHello(invitation));
  });

  test('an invitation for a client, as a local', async () => {
    const invitation = invitationOf((await depot.server.administration.inviteClient('owner')).link);
    assert.equal(await turnedAway(controlHello(invitation)), 'invitation-invalid');
  });

  test('an invitation that was used, or whose user was removed and made anew', async () => {
    const { link } = await depot.server.administration.inviteClient('owner');
    const second = { home: '', port: 0, link };
    await depot.addClient('owner', { link });
    using home = tempDir();
    await using late = await createClient({ ...second, home: home.path });
    assert.equal((await late.over).code, 'invitation-invalid');

    await depot.addUser('carol');
    const stale = invitationOf((await depot.server.administration.inviteClient('carol')).link);
    await depot.server.administration.removeUser('carol');
    await depot.addUser('carol');
    assert.equal(await turnedAway(clientHello(stale)), 'invitation-invalid');
  });

  test('nobody is invited for a user that is none', async () => {
    await assert.rejects(depot.server.administration.inviteClient('nobody'), { code: 'not-found' });
  });

  test('a link that was changed, or is of another server: the client gives up, and says what that means', async () => {
    const { link } = await depot.server.administration.inviteClient('owner');
    using home = tempDir();
    await using client = await createClient({
      home: home.path,
      port: 0,
      link: link.replace(/#.*/, `#${'A'.repeat(43)}`),
    });
    const error = await client.over;
    assert.equal(error.code, 'identity-mismatch');
    assert.match(error.message, /has another key than the one in this link\. Give the link exactly as/);
  });

  test('a link for somebody else is refused before anything is dialed', async () => {
    using home = tempDir();
    const { administration } = depot.server;
    const forLocal = (await administration.invite('nas')).link;
    const forClient = (await administration.inviteClient('owner')).link;
    await assert.rejects(createClient({ home: home.path, port: 0, link: forLocal }), /run `depot local`/);
    await assert.rejects(createLocal({ home: home.path, link: forClient }), /run `depot client`/);
  });

  test('the network: it listens on loopback or not at all', async () => {
    using home = tempDir();
    const { link } = await depot.server.administration.inviteClient('owner');
    for (const host of ['0.0.0.0', '::', '192.0.2.1', '127.example.org'])
      await assert.rejects(createClient({ home: home.path, port: 0, host, link }), /no password.*loopback/);
  });
});
