// What a user sees when something is wrong: each row of the table of failures, through curl, which exits with 97 and
// names the REP that it got.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type net from 'node:net';
import { DepotError } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK, type Login } from '../support/depot.ts';
import { noNamespaces, runInNamespace } from '../support/namespace.ts';
import { curl } from '../support/programs.ts';
import { SilentApp } from '../support/silent-app.ts';
import { handshake } from '../support/socks-client.ts';

/** curl's code for what the proxy refused. */
const CURLE_PROXY = 97;

const expectReply = async (reply: number, proxy: string, url: string): Promise<void> => {
  const { code, stderr } = await curl(proxy, url);
  assert.equal(code, CURLE_PROXY, stderr);
  assert.match(stderr, new RegExp(`\\(${reply}\\)`));
};

describe('a local that is connected', () => {
  let depot: Depot;
  let app: App;
  before(async () => {
    depot = await Depot.pair({}, { allow: ['224.0.0.0/4', '198.51.100.7:443'], dialMs: 1000 });
    app = await App.listen((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
  });
  after(async () => {
    await app[Symbol.asyncDispose]();
    await depot[Symbol.asyncDispose]();
  });

  test('the app answers: no failure at all', async () => {
    const { code, stderr } = await curl(depot.proxyUrl(), `http://${LOOPBACK}:${app.port}/`);
    assert.equal(code, 0, stderr);
  });

  test('the app refuses: 5', async () => {
    await expectReply(5, depot.proxyUrl(), `http://${LOOPBACK}:${await App.closedPort()}/`);
  });

  test('no route to the network: 3', async () => {
    // Linux has no route for a TCP connection to a multicast address, on any machine.
    await expectReply(3, depot.proxyUrl(), 'http://224.0.0.1/');
  });

  test('an unknown name: 4', async () => {
    await expectReply(4, depot.proxyUrl(), 'http://no-such-host.invalid/');
  });

  test('an app that does not answer: 4', async () => {
    await using silent = await SilentApp.start(LOOPBACK);
    await expectReply(4, depot.proxyUrl(), `http://${LOOPBACK}:${silent.port}/`);
  });

  test('an address that the rules of the local do not allow: 2', async () => {
    await expectReply(2, depot.proxyUrl(), 'http://198.51.100.8/');
  });

  test('a port that the rules of the local do not allow: 2', async () => {
    await expectReply(2, depot.proxyUrl(), 'http://198.51.100.7:80/');
  });

  test('a local that the user may not use: 2', async () => {
    const { link } = await depot.server.administration.invite('other');
    assert.ok(link);
    const login = await depot.addUser('guest', ['other']);
    await expectReply(2, depot.proxyUrl(login), `http://home.depot:${app.port}/`);
    await expectReply(2, depot.proxyUrl({ ...login, user: 'guest+home' }), `http://${LOOPBACK}:${app.port}/`);
  });

  test('a local that there is not: 1', async () => {
    await expectReply(1, depot.proxyUrl(), `http://nowhere.depot:${app.port}/`);
    await expectReply(1, depot.proxyUrl({ ...depot.login, user: 'owner+nowhere' }), `http://${LOOPBACK}:${app.port}/`);
  });

  test('success names the socket from which the local reached the app', async () => {
    const seen = Promise.withResolvers<net.Socket>();
    await using watched = await App.listen((socket) => seen.resolve(socket));
    const [wire, bound] = await handshake(depot.target('home.depot', watched.port));
    using _ = wire;
    const { remoteAddress, remotePort } = await seen.promise;
    assert.deepEqual(bound, { reply: 0, host: remoteAddress, port: remotePort });
  });

  test('over IPv6 too', async (context) => {
    const seen = Promise.withResolvers<net.Socket>();
    const listening = App.listen((socket) => seen.resolve(socket), '::1');
    await using watched = await listening.catch(() => undefined);
    if (watched === undefined) {
      context.skip('this machine has no IPv6');
      return;
    }
    const [wire, bound] = await handshake(depot.target('::1', watched.port));
    using _ = wire;
    const { remoteAddress, remotePort } = await seen.promise;
    assert.deepEqual(bound, { reply: 0, host: remoteAddress, port: remotePort });
  });

  test('a failure names no socket', async () => {
    const [wire, bound] = await handshake(depot.target(LOOPBACK, await App.closedPort()));
    using _ = wire;
    assert.deepEqual(bound, { reply: 5, host: '0.0.0.0', port: 0 });
    assert.equal((await wire.rest()).length, 0);
  });
});

describe('what the resolver of the local says', () => {
  const outcomes: readonly (readonly [string, () => Promise<readonly string[]>, number])[] = [
    ['no such name', () => Promise.reject(new DepotError('name-unknown', 'x')), 4],
    ['no answer in time', () => new Promise(() => undefined), 4],
    ['an address that is not allowed', () => Promise.resolve(['10.1.2.3']), 2],
    ['a metadata address', () => Promise.resolve(['169.254.169.254']), 2],
  ];
  for (const [what, resolve, reply] of outcomes) {
    test(`${what}: ${reply}`, async () => {
      const resolver = (host: string): Promise<readonly string[]> =>
        host === LOOPBACK ? Promise.resolve([host]) : resolve();
      await using depot = await Depot.pair({}, { resolve: resolver, dialMs: 300 });
      await expectReply(reply, depot.proxyUrl(), 'http://app.home.depot/');
    });
  }

  test('one address refuses, the next one answers: success', async () => {
    await using app = await App.listen((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
    await using depot = await Depot.pair(
      {},
      { resolve: async (host) => (host === LOOPBACK ? [host] : ['127.0.0.9', LOOPBACK]) },
    );
    const { code, stderr } = await curl(depot.proxyUrl(), `http://app.home.depot:${app.port}/`);
    assert.equal(code, 0, stderr);
  });
});

test('routes as only some networks have them', { skip: noNamespaces() }, async () => {
  const routes = ['unreachable 198.51.100.0/24', 'prohibit 203.0.113.0/24'];
  const expected = { '198.51.100.1': 4, '192.0.2.1': 3, '203.0.113.1': 2, '127.0.0.1': 5 };
  const script = path.join(import.meta.dirname, '../support/replies-in-namespace.ts');
  const { stdout, stderr } = await runInNamespace({ routes }, script, JSON.stringify(Object.keys(expected)));
  assert.equal(stdout, JSON.stringify(Object.values(expected)), stderr);
});

describe('a local that is away: 1, at once', () => {
  test('none ever joined', async () => {
    await using depot = await Depot.server();
    await expectReply(1, depot.proxyUrl(), `http://${LOOPBACK}:80/`);
  });

  test('it was there', async () => {
    await using depot = await Depot.pair();
    await depot.local.stop();
    const away: readonly (readonly [Login, string])[] = [
      [depot.login, LOOPBACK],
      [depot.login, 'home.depot'],
      [{ ...depot.login, user: 'owner+home' }, LOOPBACK],
      [await depot.addUser('guest', ['home']), LOOPBACK],
    ];
    for (const [login, host] of away) await expectReply(1, depot.proxyUrl(login), `http://${host}:80/`);
  });
});

test('a wrong password: curl says so', async () => {
  await using depot = await Depot.server();
  const { code, stderr } = await curl(depot.proxyUrl({ ...depot.login, password: 'wrong' }), 'http://home.depot/');
  assert.equal(code, CURLE_PROXY);
  assert.match(stderr, /User was rejected by the SOCKS5 server/);
});
