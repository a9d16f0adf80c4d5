// Tunnels that cannot come, or of which there are fewer than are wanted: who asks hears of it, and nobody waits.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { DepotError, Reply, type StreamEnd } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { jsonOf, LinkSession, Type } from '../support/link-client.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { handshake, openStream } from '../support/socks-client.ts';

test('a local whose tunnels cannot come: every request fails soon, none waits', async () => {
  await using depot = await Depot.server({ advertise: 'server.test', tunnelsMin: 2, tunnelsMax: 2 });
  // The control connection finds the server; what is dialed after it leads to where nobody listens.
  let lookups = 0;
  const resolve = async (): Promise<string[]> => {
    lookups += 1;
    return [lookups === 1 ? LOOPBACK : '127.0.0.9'];
  };
  await depot.join(depot.firstLink, { resolve });
  const ends: StreamEnd[] = [];
  depot.server.events.on('streamEnd', (end) => ends.push(end));
  const request = (): Promise<unknown> => openStream(depot.target('home.depot', 80));
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, request));
  assert.deepEqual([...new Set(outcomes.map(({ status }) => status))], ['rejected']);
  assert.equal(ends.length, 10);
  assert.ok(ends.every(({ reply, durationMs }) => reply === Reply.generalFailure && durationMs < 8000));
});

test('a server that asks for tunnels which cannot come does not fill the disk of a local', async () => {
  await using depot = await Depot.server({ advertise: 'server.test', tunnelsMin: 64, tunnelsMax: 64 });
  const { log, lines, events } = recordedLog();
  let lookups = 0;
  const resolve = async (): Promise<string[]> => {
    lookups += 1;
    if (lookups === 1) return [LOOPBACK];
    throw new DepotError('name-unknown', 'nobody knows it any more');
  };
  const failed = once(events, 'tunnel-failed');
  const local = await depot.join(depot.firstLink, { resolve, log });
  await failed;
  await new Promise((done) => setImmediate(done));
  await local.stop();
  assert.equal(lines.filter(([{ event }]) => event === 'tunnel-failed').length, 30);
  const more = lines.map(([fields]) => fields).filter(({ event }) => event === 'tunnel-failed-more');
  assert.deepEqual(more, [{ event: 'tunnel-failed-more', code: 'name-unknown', count: 34 }]);
});

test('a session that ends while tunnels are on their way says why it ended, and no more', async () => {
  await using depot = await Depot.server({ advertise: 'server.test' });
  const { log, names, message } = recordedLog();
  const dialing = Promise.withResolvers<void>();
  let lookups = 0;
  const resolve = async (): Promise<string[]> => {
    lookups += 1;
    if (lookups === 1) return [LOOPBACK];
    dialing.resolve();
    return new Promise(() => undefined);
  };
  await depot.join(depot.firstLink, { resolve, log });
  await dialing.promise;
  const disconnected = message('disconnected');
  depot.server.kick('home');
  await disconnected;
  await new Promise((done) => setImmediate(done));
  assert.deepEqual(names(), ['connected', 'disconnected']);
});

test('a request that waits for its turn to ask for a tunnel asks as soon as others have waited in vain', async () => {
  await using depot = await Depot.server({ tunnelsMin: 1, tunnelsMax: 1, tunnelIdMs: 200 });
  using local = await LinkSession.join(depot.server.address.controlPort, depot.firstLink, [1]);
  await local.askedFor();
  const requested = async (): Promise<string> => {
    for (;;) {
      const { type, tunnel } = jsonOf(await local.control.next(Type.control));
      if (type === 'request') return String(tunnel);
    }
  };
  const ask = async (port: number): Promise<number> => {
    const [wire, { reply }] = await handshake(depot.target(LOOPBACK, port));
    wire[Symbol.dispose]();
    return reply;
  };
  const first = ask(1);
  await requested();
  const second = ask(2);
  const tunnel = await local.bring(await Promise.race([requested(), second.then(() => assert.fail('it gave up'))]));
  await tunnel.next(Type.ping);
  tunnel.send(Type.refused, 1, { code: 'connection-refused', message: 'no' });
  assert.equal(await second, Reply.connectionRefused);
  assert.equal(await first, Reply.generalFailure);
});

test('a local that asks for fewer tunnels than are kept ready still serves the first request', async () => {
  await using depot = await Depot.server({ tunnelsMin: 4, tunnelsMax: 1 });
  await depot.join(depot.firstLink);
  const end = once(depot.server.events, 'streamEnd') as Promise<[StreamEnd]>;
  const [wire, { reply }] = await handshake(depot.target(LOOPBACK, await App.closedPort()));
  wire[Symbol.dispose]();
  assert.equal(reply, Reply.connectionRefused);
  assert.equal((await end)[0].reply, Reply.connectionRefused);
});
