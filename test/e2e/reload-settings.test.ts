// Settings that a reload changes while streams run: who may come without a name, and every limit that is a number.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, test } from 'node:test';
import type { StreamEnd } from '../../src/index.ts';
import { untilSo } from '../faults/fault.ts';
import { App, echoed, ending } from '../support/apps.ts';
import { Depot, LOOPBACK, tempDir, writeConfig } from '../support/depot.ts';
import { greeting, handshake, openStream, request, Wire } from '../support/socks-client.ts';
import { AssociatedClient, UdpPeer } from '../support/udp.ts';

/** How long something that needs no more than its turn may take. */
const SOON_MS = 20_000;

/** A local that finds the server, and nobody else. */
const resolve = (host: string): Promise<readonly string[]> =>
  host === LOOPBACK ? Promise.resolve([host]) : new Promise<never>(() => undefined);

describe('allowAnonymous, turned off by a reload', () => {
  test('ends the streams of clients that were not asked who they are, and no others', async () => {
    using home = tempDir();
    await using app = await App.echo();
    const publish = [{ listen: 0, to: `home.depot:${app.port}` }];
    writeConfig(home.path, { allowAnonymous: true, publish });
    await using depot = await Depot.pair({ home: home.path });
    const nobody = { socksPort: depot.socksPort, host: 'home.depot', port: app.port };
    const going = await openStream(nobody);
    const named = await openStream({ ...nobody, login: depot.login });
    const published = net.connect(Number(depot.server.status().published[0]?.listen.split(':')[1]), LOOPBACK);
    await echoed(published, 'published');
    // Let in already, and still to say where it wants to go.
    using late = await Wire.connect(depot.socksPort);
    late.write(greeting(0));
    assert.deepEqual([...(await late.read(2))], [5, 0]);
    const [left, end] = [ending(going), once(depot.server.events, 'streamEnd') as Promise<[StreamEnd]>];
    writeConfig(home.path, { publish });
    assert.deepEqual(await depot.server.reload(), { applied: ['allowAnonymous'], restart: [], ended: 1 });
    assert.equal(await left, 'rst');
    const [{ error, user }] = await end;
    assert.deepEqual(
      [user, error?.code, error?.message],
      [undefined, 'not-allowed', 'clients have to say who they are'],
    );
    await echoed(named, 'still here');
    await echoed(published, 'still here');
    late.write(request('home.depot', app.port));
    assert.equal((await late.readReply()).reply, 2);
    await assert.rejects(handshake(nobody), /chose method 255/);
    for (const socket of [named, published]) socket.destroy();
  });

  test('turned on again, lets everybody in', async () => {
    using home = tempDir();
    await using app = await App.echo();
    await using depot = await Depot.pair({ home: home.path });
    const nobody = { socksPort: depot.socksPort, host: 'home.depot', port: app.port };
    await assert.rejects(handshake(nobody), /chose method 255/);
    writeConfig(home.path, { allowAnonymous: true });
    assert.deepEqual(await depot.server.reload(), { applied: ['allowAnonymous'], restart: [], ended: 0 });
    (await openStream(nobody)).destroy();
  });

  test('is refused where nobody could use the server any more', async () => {
    using home = tempDir();
    writeConfig(home.path, { allowAnonymous: true, socksHost: '0.0.0.0' });
    await using depot = await Depot.server({ home: home.path });
    await depot.server.administration.removeUser(depot.login.user);
    writeConfig(home.path, { socksHost: '0.0.0.0' });
    await assert.rejects(depot.server.reload(), { code: 'invalid-config', message: /There are no users/ });
    const wire = await Wire.connect(depot.socksPort);
    wire.write(greeting(0));
    assert.deepEqual([...(await wire.read(2))], [5, 0]);
    wire[Symbol.dispose]();
  });
});

describe('a reload changes', () => {
  test('how many streams and associations there may be, in both directions', async () => {
    using home = tempDir();
    await using app = await App.echo();
    await using depot = await Depot.pair({ home: home.path });
    const target = depot.target('home.depot', app.port);
    const reload = async (config: unknown): Promise<void> => {
      writeConfig(home.path, config);
      assert.deepEqual((await depot.server.reload()).restart, []);
    };
    const first = await openStream(target);
    await reload({ streamsMax: 1, udpAssociationsPerUserMax: 0 });
    await assert.rejects(openStream(target), /REP 1/);
    await echoed(first, 'more than the new limit are not ended');
    await reload({ streamsMax: 2, udpAssociationsPerUserMax: 0 });
    await using refused = await AssociatedClient.open(target);
    assert.notEqual(refused.reply.reply, 0);
    await reload({});
    await using served = await AssociatedClient.open(target);
    assert.equal(served.reply.reply, 0);
    first.destroy();
  });

  test('how many may wait at the door', async () => {
    using home = tempDir();
    await using depot = await Depot.server({ home: home.path });
    const strangers = [await Wire.connect(depot.socksPort), await Wire.connect(depot.socksPort)];
    writeConfig(home.path, { strangersPerAddressMax: 1 });
    await depot.server.reload();
    const last = await Wire.connect(depot.socksPort);
    for (const stranger of strangers) await stranger.ending();
    last.write(greeting(2));
    assert.deepEqual([...(await last.read(2))], [5, 2]);
    last[Symbol.dispose]();
  });

  test('how many tunnels are kept ready', async () => {
    using home = tempDir();
    await using depot = await Depot.pair({ home: home.path, tunnelsMax: 12 });
    const idle = (): number | undefined => depot.server.status().locals[0]?.tunnels.idle;
    writeConfig(home.path, { tunnelsMin: 9 });
    await depot.server.reload();
    assert.notEqual(await untilSo(() => idle() === 9, SOON_MS), Infinity);
    writeConfig(home.path, { tunnelsMin: 2 });
    await depot.server.reload();
    assert.notEqual(await untilSo(() => idle() === 2, SOON_MS), Infinity);
  });

  test('how long a local may take to dial, and to be asked', async () => {
    using home = tempDir();
    using localHome = tempDir();
    await using depot = await Depot.pair({ home: home.path }, { home: localHome.path, resolve });
    const why = async (): Promise<string | undefined> => {
      const end = once(depot.server.events, 'streamEnd') as Promise<[StreamEnd]>;
      await assert.rejects(openStream(depot.target('nobody.home.depot', 80)), /REP/);
      return (await end)[0].error?.message;
    };
    writeConfig(localHome.path, { dialMs: 7 });
    await depot.local.reload();
    assert.match((await why()) ?? '', /did not answer in 0\.007 s/);
    writeConfig(localHome.path, {});
    writeConfig(home.path, { openMs: 8 });
    await Promise.all([depot.local.reload(), depot.server.reload()]);
    assert.equal(await why(), 'local home did not answer in 0.008 s');
  });

  test('where UDP of clients is expected, how the web page may be called, and how long a stranger may take', async () => {
    using home = tempDir();
    await using depot = await Depot.pair({ home: home.path });
    const { web } = depot.server;
    const statusAs = async (host: string): Promise<number | undefined> => {
      const [response] = (await once(http.get(web?.url ?? '', { headers: { host } }), 'response')) as [
        http.IncomingMessage,
      ];
      response.resume();
      return response.statusCode;
    };
    assert.equal(await statusAs('nas.lan'), 421);
    const port = await UdpPeer.freePort();
    const config = { advertiseUdp: '192.0.2.7', udpPorts: `${port}-${port}`, webNames: ['nas.lan'] };
    writeConfig(home.path, config);
    assert.deepEqual((await depot.server.reload()).applied.toSorted(), Object.keys(config).toSorted());
    await using client = await AssociatedClient.open({ socksPort: depot.socksPort, login: depot.login });
    assert.deepEqual([client.reply.host, client.reply.port], ['192.0.2.7', port]);
    assert.notEqual(await statusAs('nas.lan'), 421);
    writeConfig(home.path, { ...config, handshakeMs: 1 });
    await depot.server.reload();
    using stranger = await Wire.connect(depot.socksPort);
    await stranger.ending();
  });

  test('the same on a client: how long the server may take', async () => {
    using home = tempDir();
    await using depot = await Depot.pair({}, { resolve });
    const client = await depot.addClient(depot.login.user, { home: home.path });
    writeConfig(home.path, { openMs: 9 });
    assert.deepEqual((await client.reload()).applied, ['openMs']);
    const end = once(client.events, 'streamEnd') as Promise<[StreamEnd]>;
    await assert.rejects(openStream({ socksPort: client.address.port, host: 'nobody.home.depot', port: 80 }), /REP/);
    assert.equal((await end)[0].error?.message, 'the server did not answer in 0.009 s');
  });
});
