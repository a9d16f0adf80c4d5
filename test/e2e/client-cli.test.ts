// `depot client` as its user runs it: processes of their own, on one machine.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { App } from '../support/apps.ts';
import { depot, type Printed, startClient, startLocal, startNewServer, startServer } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { curl, type Finished, type Program, run } from '../support/programs.ts';
import { AssociatedClient, udpEcho, UdpPeer } from '../support/udp.ts';

const succeeds = ({ code, stdout, stderr }: Finished): string => {
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
};

describe('depot client', () => {
  let homes: ReturnType<typeof tempDir>;
  let server: Program;
  let local: Program;
  let client: Program;
  let printed: Printed;
  let app: App;
  let echo: UdpPeer;
  let port: number;
  const home = (name: string): string => path.join(homes.path, name);
  const on = (name: string, ...args: readonly string[]): Promise<Finished> => depot([...args, '--home', home(name)]);
  before(async () => {
    homes = tempDir();
    app = await App.listen((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nhello'));
    echo = await udpEcho();
    [server, printed] = await startNewServer(home('server'));
    local = await startLocal(home('local'), printed.link);
    const link = succeeds(await on('server', 'invite', '--user', 'owner'));
    const publish = [`0=home.depot:${app.port}`, `0/udp=home.depot:${echo.port}`].flatMap((port) => [
      '--publish',
      port,
    ]);
    client = await startClient(home('client'), link, '--device', 'laptop', ...publish);
    port = Number((await client.says(/listens +127\.0\.0\.1:(\d+)/))[1]);
  });
  after(async () => {
    for (const program of [client, local, server]) await program[Symbol.asyncDispose]();
    await app[Symbol.asyncDispose]();
    await echo[Symbol.asyncDispose]();
    homes[Symbol.dispose]();
  });

  const get = (): Promise<Finished> => curl(`socks5h://${LOOPBACK}:${port}`, `http://home.depot:${app.port}/`);

  test('the lines that it prints work', async () => {
    const line = /^ +curl +curl (.*)$/m.exec(client.stdout)?.[1] ?? '';
    const args = line.replace('NAME.depot', `home.depot:${app.port}`).split(' ');
    assert.equal(succeeds(await run('curl', ['-sS', '--disable', '-m', '20', ...args])), 'hello');
    const published = /port +(\S+) to home\.depot/.exec(client.stdout)?.[1];
    assert.equal(succeeds(await run('curl', ['-sS', '--disable', '-m', '20', `http://${published}/`])), 'hello');
  });

  test('carries UDP, by association and by a published port', async () => {
    await using udp = await AssociatedClient.open({ socksPort: port });
    assert.equal(await udp.ask('home.depot', echo.port, 'associated'), 'associated');
    await using peer = await UdpPeer.bind();
    peer.send('published', Number(/port +\S+:(\d+)\/udp to home\.depot/.exec(client.stdout)?.[1]));
    assert.equal((await peer.next()).data.toString(), 'published');
  });

  test('status on both sides', async () => {
    const here = JSON.parse(succeeds(await on('client', 'status', '--json'))) as Record<string, unknown>;
    const { role, user, name, connected } = here;
    assert.deepEqual(
      { role, user, name, connected },
      { role: 'client', user: 'owner', name: 'laptop', connected: true },
    );
    assert.match(succeeds(await on('client', 'status')), /^connected to 127\.0\.0\.1:\d+ as owner\/laptop for .*RTT/m);
    assert.match(succeeds(await on('server', 'status')), /^owner\/laptop +connected +\d+ s +127\.0\.0\.1 /m);
    assert.match(succeeds(await on('server', 'clients')), /^owner\/laptop +\d+ s ago +[\w-]{43}$/m);
  });

  test('its home is nobody else’s', async () => {
    for (const role of ['server', 'local']) {
      const { code, stderr } = await on('client', role);
      assert.equal(code, 1);
      assert.match(stderr, /is the home of a client\. Choose another one/);
    }
  });

  test('no password, key or invitation is in what it says', () => {
    const said = client.stdout + client.stderr;
    assert.doesNotMatch(said, /depot:\/\/|PRIVATE KEY/);
    assert.ok(!said.includes(printed.login.password));
  });

  test('killed and started again, it needs no link', async () => {
    client.child.kill('SIGKILL');
    await client.finished;
    client = await startClient(home('client'));
    port = Number((await client.says(/listens +127\.0\.0\.1:(\d+)/))[1]);
    assert.equal(succeeds(await get()), 'hello');
  });

  test('it comes back by itself to a server that was killed', async () => {
    server.child.kill('SIGKILL');
    await server.finished;
    await client.says(/not connected/);
    const { socksPort, controlPort } = printed;
    server = await startServer(home('server'), '--socks-port', `${socksPort}`, '--control-port', `${controlPort}`);
    await client.says(/"connected"[\s\S]*"disconnected"[\s\S]*"event":"connected"/);
    await server.says(/local-up/);
    assert.equal(succeeds(await get()), 'hello');
  });

  test('clients revoke cuts it off at once, and it stays out', async () => {
    succeeds(await on('server', 'clients', 'revoke', 'owner/laptop'));
    await client.says(/was revoked/);
    await client.says(/unknown-client/);
    assert.equal((await get()).code, 97);
    assert.equal(succeeds(await on('server', 'clients')), 'CLIENT  LAST SEEN  KEY\n');
  });
});
