// About to stop: whoever is at the other end of the link is told, takes new requests elsewhere, and lets streams end.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { DepotError } from '../../src/index.ts';
import { App, collect } from '../support/apps.ts';
import { Depot, LOOPBACK, serverIn, tempDir } from '../support/depot.ts';
import { jsonOf, LinkSession, Type } from '../support/link-client.ts';
import { credentials, greeting, handshake, openStream, request, Wire } from '../support/socks-client.ts';

/** Sends the last words of a stream through an echo, and takes them back. */
const endInPeace = async (socket: net.Socket): Promise<void> => {
  const answer = collect(socket);
  socket.end('last words');
  assert.equal(String(await answer), 'last words');
};

const replyOf = async (depot: Depot, host: string, port: number): Promise<number> => {
  const [wire, { reply }] = await handshake(depot.target(host, port));
  wire[Symbol.dispose]();
  return reply;
};

/** Resolves once the server has heard that a local is about to stop. */
const heard = async ({ server }: Depot, name: string): Promise<void> => {
  while (server.status().locals.find((local) => local.name === name)?.draining !== true)
    await new Promise(setImmediate);
};

describe('a local that is about to stop', () => {
  test('gets no new requests: another one of its group does; its streams end in peace', async () => {
    await using app = await App.echo();
    await using depot = await Depot.server({ groups: { homes: { locals: ['nas', 'pi'], policy: 'first' } } });
    const nas = await depot.addLocal('nas');
    const pi = await depot.addLocal('pi');
    const target = depot.target('homes.depot', app.port);
    const old = await openStream(target);
    assert.equal(nas.status().streams.length, 1);
    const stopped = nas.stop({ drain: true });
    assert.equal(nas.status().draining, true);
    await heard(depot, 'nas');
    const young = await openStream(target);
    assert.equal(pi.status().streams.length, 1);
    assert.equal(await replyOf(depot, 'nas.depot', app.port), 1);
    const { reason } = depot.server.decide({
      command: 'connect',
      destination: { host: 'nas.depot', port: app.port },
      user: depot.login.user,
      from: LOOPBACK,
    });
    assert.match(reason, /about to stop/);
    await endInPeace(old);
    await stopped;
    young.destroy();
  });
});

describe('a server that is about to stop', () => {
  test('lets its local go to the next server at its address, while streams go on', async () => {
    using homes = tempDir();
    const [first, second] = [path.join(homes.path, '1'), path.join(homes.path, '2')];
    await using app = await App.echo();
    await using depot = await Depot.pair({ home: first });
    const target = depot.target('home.depot', app.port);
    const old = await openStream(target);
    const { controlPort } = depot.server.address;
    cpSync(first, second, { recursive: true, filter: (file) => !file.endsWith('.sock') });
    const left = once(depot.local.events, 'disconnected');
    const stopped = depot.server.stop({ drain: true });
    const [{ error }] = (await left) as [{ error: DepotError }];
    assert.equal(error.code, 'stopped');
    assert.equal(depot.server.status().draining, true);
    const back = once(depot.local.events, 'connected');
    await using next = await serverIn(second, { controlPort });
    await back;
    const young = await openStream({ ...target, socksPort: next.address.socksPort });
    assert.equal(depot.local.status().streams.length, 2);
    await endInPeace(old);
    await stopped;
    await endInPeace(young);
  });

  test('lets a client finish the handshake that it has begun', async () => {
    await using app = await App.echo();
    await using depot = await Depot.pair();
    using wire = await Wire.connect(depot.socksPort);
    wire.write(greeting(2));
    await wire.read(2);
    const stopped = depot.server.stop({ drain: true });
    wire.write(credentials(depot.login), request('home.depot', app.port));
    assert.deepEqual([...(await wire.read(2))], [1, 0]);
    assert.equal((await wire.read(10))[1], 0);
    wire.finish(Buffer.from('hello'));
    assert.equal(String(await wire.rest()), 'hello');
    await stopped;
  });

  test('says so to whoever understands it, and goodbye to everybody', async () => {
    await using depot = await Depot.server();
    const join = async (name: string, versions: readonly number[]): Promise<LinkSession> => {
      const { link } = await depot.server.administration.invite(name);
      const local = await LinkSession.join(depot.server.address.controlPort, link, versions);
      await local.askedFor();
      return local;
    };
    using first = await join('old', [2, 1]);
    using second = await join('young', [3, 2, 1]);
    const [old, young] = [first.control, second.control];
    await using app = await App.listen(() => undefined);
    const open = handshake(depot.target('young.depot', app.port));
    // A stream that nobody answers keeps the server waiting.
    assert.equal(jsonOf(await young.next(Type.control))['type'], 'request');
    const stopped = depot.server.stop({ drain: true });
    assert.deepEqual(jsonOf(await young.next(Type.control)), { type: 'draining' });
    void depot.server.stop();
    await assert.rejects(old.next(Type.control), /closed before/);
    assert.equal(await young.turnedAway(), 'stopped');
    await stopped;
    const [wire] = await open;
    wire[Symbol.dispose]();
  });
});
