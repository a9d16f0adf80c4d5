// The clients that Node programs use: the `socks` package (CONNECT, UDP ASSOCIATE, BIND) and undici's Socks5ProxyAgent;
// each once more with a dead proxy, for what works without the proxy proves nothing.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { SocksClient } from 'socks';
import { fetch, Socks5ProxyAgent } from 'undici';
import { App, collect } from '../support/apps.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { udpEcho, UdpPeer } from '../support/udp.ts';
import { WebApp } from '../support/web-app.ts';

type Established = Awaited<ReturnType<typeof SocksClient.createConnection>>;

let depot: Depot;
let deadPort: number;
let web: WebApp;
before(async () => {
  depot = await Depot.pair({}, { allow: ['bind:localhost'] });
  deadPort = await App.closedPort();
  web = await WebApp.parrot();
});
after(async () => {
  await web[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
});

/** What the `socks` package is told of a proxy at this port. */
const proxyAt = (port: number) =>
  ({ host: LOOPBACK, port, type: 5, userId: depot.login.user, password: depot.login.password }) as const;

test('socks: CONNECT', async () => {
  const open = (port: number): Promise<Established> =>
    SocksClient.createConnection({
      command: 'connect',
      proxy: proxyAt(port),
      destination: { host: 'home.depot', port: web.port },
    });
  const { socket } = await open(depot.socksPort);
  const answer = collect(socket);
  socket.write('GET /node HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  assert.match((await answer).toString(), /you said GET \/node/);
  await assert.rejects(open(deadPort));
});

test('socks: UDP ASSOCIATE', async () => {
  await using echo = await udpEcho('echo: ');
  await using udp = await UdpPeer.bind();
  const associate = async (port: number): Promise<Established> => {
    const client = new SocksClient({
      command: 'associate',
      proxy: proxyAt(port),
      destination: { host: '0.0.0.0', port: 0 },
    });
    const established = once(client, 'established');
    client.connect();
    const [event] = (await established) as [Established];
    return event;
  };
  const { socket, remoteHost } = await associate(depot.socksPort);
  const frame = { remoteHost: { host: 'home.depot', port: echo.port }, data: Buffer.from('hello from Node') };
  udp.send(SocksClient.createUDPFrame(frame), remoteHost?.port ?? 0, remoteHost?.host);
  const answer = SocksClient.parseUDPFrame((await udp.next()).data);
  assert.deepEqual(answer, {
    remoteHost: { host: LOOPBACK, port: echo.port },
    data: Buffer.from('echo: hello from Node'),
    frameNumber: 0,
  });
  socket.destroy();
  await assert.rejects(associate(deadPort));
});

test('socks: BIND', async () => {
  const bind = (port: number): SocksClient =>
    new SocksClient({ command: 'bind', proxy: proxyAt(port), destination: { host: 'home.depot', port: 0 } });
  const client = bind(depot.socksPort);
  const [bound, established] = [once(client, 'bound'), once(client, 'established')];
  client.connect();
  const [{ remoteHost }] = (await bound) as [Established];
  const app = connect({ host: remoteHost?.host ?? '', port: remoteHost?.port ?? 0 });
  app.end('from the app');
  const [{ socket }] = (await established) as [Established];
  assert.equal((await collect(socket)).toString(), 'from the app');
  socket.destroy();
  const dead = bind(deadPort);
  const failed = once(dead, 'bound');
  dead.connect();
  await assert.rejects(failed);
});

test('undici: Socks5ProxyAgent', async () => {
  const get = async (port: number): Promise<string> => {
    const { user: username, password } = depot.login;
    const dispatcher = new Socks5ProxyAgent(`socks5://${LOOPBACK}:${port}`, { username, password });
    try {
      return await (await fetch(`http://home.depot:${web.port}/undici`, { dispatcher })).text();
    } finally {
      await dispatcher.close();
    }
  };
  assert.equal(await get(depot.socksPort), 'you said GET /undici HTTP/1.1');
  await assert.rejects(get(deadPort));
});
