import assert from 'node:assert/strict';
import { once } from 'node:events';
import path from 'node:path';
import test from 'node:test';
import { SocksClient } from 'socks';
import { createLocal, createServer, Reply, type StreamEnd } from '../../src/index.ts';
import { temporaryDirectory } from '../support/directory.ts';

const LOOPBACK = '127.0.0.1';

test('a local whose tunnels cannot come: every request fails soon, none waits', async (t) => {
  const directory = temporaryDirectory(t);
  await using server = await createServer({
    home: path.join(directory, 'server'),
    host: LOOPBACK,
    advertise: 'server.test',
    socksPort: 0,
    controlPort: 0,
    webPort: 0,
    tunnelsMin: 2,
    tunnelsMax: 2,
  });
  const { firstStart } = server;
  assert.ok(firstStart !== undefined);
  // The control connection finds the server; what is dialed after it leads to where nobody listens.
  let lookups = 0;
  const resolve = async (): Promise<string[]> => {
    lookups += 1;
    return [lookups === 1 ? LOOPBACK : '127.0.0.9'];
  };
  await using local = await createLocal({ home: path.join(directory, 'local'), link: firstStart.link, resolve });
  await once(local.events, 'connected');
  const ends: StreamEnd[] = [];
  server.events.on('streamEnd', (end) => ends.push(end));
  const proxy = { host: LOOPBACK, port: server.address.socksPort, type: 5 as const };
  const login = { userId: firstStart.user, password: firstStart.password };
  const request = (): Promise<unknown> =>
    SocksClient.createConnection({
      proxy: { ...proxy, ...login },
      command: 'connect',
      destination: { host: 'home.depot', port: 80 },
      timeout: 8000,
    });
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, request));
  assert.deepEqual([...new Set(outcomes.map(({ status }) => status))], ['rejected']);
  assert.equal(ends.length, 10);
  assert.ok(ends.every(({ reply, durationMs }) => reply === Reply.generalFailure && durationMs < 8000));
});

test('a local that asks for fewer tunnels than are kept ready still serves the first request', async (t) => {
  const directory = temporaryDirectory(t);
  await using server = await createServer({
    home: path.join(directory, 'server'),
    host: LOOPBACK,
    socksPort: 0,
    controlPort: 0,
    webPort: 0,
    tunnelsMin: 4,
    tunnelsMax: 1,
  });
  const { firstStart } = server;
  assert.ok(firstStart !== undefined);
  await using local = await createLocal({ home: path.join(directory, 'local'), link: firstStart.link });
  await once(local.events, 'connected');
  const refused = SocksClient.createConnection({
    proxy: {
      host: LOOPBACK,
      port: server.address.socksPort,
      type: 5,
      userId: firstStart.user,
      password: firstStart.password,
    },
    command: 'connect',
    destination: { host: LOOPBACK, port: 1 },
    timeout: 8000,
  });
  const end = once(server.events, 'streamEnd') as Promise<[StreamEnd]>;
  await assert.rejects(refused, /ConnectionRefused/);
  assert.equal((await end)[0].reply, Reply.connectionRefused);
});
