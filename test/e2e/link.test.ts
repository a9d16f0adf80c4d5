// The link between server and local: who may join, who is cut off, and how it comes back by itself.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { on, once } from 'node:events';
import path from 'node:path';
import { describe, test } from 'node:test';
import { createLocal, DepotError, type DepotLocal, type DepotServer } from '../../src/index.ts';
import { App, ending } from '../support/apps.ts';
import { Depot, LOOPBACK, serverIn, tempDir } from '../support/depot.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { handshake, openStream } from '../support/socks-client.ts';
import { TcpRelay } from '../support/tcp-relay.ts';

/** The next event that tells why a local has no link. */
const disconnected = async ({ events }: DepotLocal): Promise<string> => {
  const [{ error }] = (await once(events, 'disconnected')) as [{ error: DepotError }];
  return error.code;
};

/** A join link with something in it changed. */
const changed = (link: string, part: RegExp, to: string): string => {
  const result = link.replace(part, to);
  assert.notEqual(result, link);
  return result;
};

const replyOf = async (depot: Depot, port: number): Promise<number> => {
  const [wire, { reply }] = await handshake(depot.target(LOOPBACK, port));
  wire[Symbol.dispose]();
  return reply;
};

/** A local with a home of its own that is not waited for. */
const stray = async (link: string): Promise<{ local: DepotLocal } & AsyncDisposable> => {
  const stack = new AsyncDisposableStack();
  const home = stack.use(tempDir()).path;
  const local = stack.use(await createLocal({ home, link }));
  return { local, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

describe('a join link', () => {
  test('is good once', async () => {
    await using depot = await Depot.pair();
    await using second = await stray(depot.firstLink);
    const { code, message } = await second.local.over;
    assert.equal(code, 'invitation-invalid');
    assert.match(message, /was used before/);
    assert.equal(depot.local.status().connected, true, 'the first one goes on');
    assert.equal(depot.server.status().locals.length, 1);
  });

  test('expires', async () => {
    await using depot = await Depot.server({ invitationMs: 1 });
    const { expiresAt, link } = await depot.server.administration.invite('nas');
    while (Date.now() <= expiresAt) await new Promise(setImmediate);
    await using late = await stray(link);
    const { code, message } = await late.local.over;
    assert.equal(code, 'invitation-invalid');
    assert.match(message, /has expired/);
  });

  test('of another secret is none', async () => {
    await using depot = await Depot.server();
    await using guesser = await stray(changed(depot.firstLink, /\/\/[\w-]+@/, `//${'A'.repeat(43)}@`));
    const { code, message } = await guesser.local.over;
    assert.equal(code, 'invitation-invalid');
    assert.match(message, /not known/);
    assert.deepEqual(depot.server.status().locals, []);
  });

  test('with the fingerprint of another server gives nothing away: the real one still works', async () => {
    await using depot = await Depot.server();
    await using misled = await stray(changed(depot.firstLink, /#[\w-]+$/, `#${'A'.repeat(43)}`));
    assert.equal((await misled.local.over).code, 'identity-mismatch');
    await depot.join(depot.firstLink);
  });

  test('is ignored by the local that has joined with it', async () => {
    await using depot = await Depot.server();
    using home = tempDir();
    const first = await depot.join(depot.firstLink, { home: home.path });
    await first.stop();
    const again = await depot.join(depot.firstLink, { home: home.path });
    assert.equal(again.status().name, 'home');
  });

  test('for a name that is taken hands the name over to the new key', async () => {
    await using depot = await Depot.pair();
    await using app = await App.echo();
    const cut = once(depot.local.events, 'disconnected');
    const { link } = await depot.server.administration.invite('home');
    const heir = await depot.join(link);
    await cut;
    assert.equal(depot.server.status().locals.length, 1);
    assert.equal(heir.status().connected, true);
    assert.equal(await replyOf(depot, app.port), 0);
  });
});

describe('a link with a mistake in it', () => {
  const complaintOf = async (link: string): Promise<string> => {
    using home = tempDir();
    await using local = await createLocal({ home: home.path, link });
    const [{ error }] = (await once(local.events, 'disconnected')) as [{ error: DepotError }];
    return error.message;
  };

  test('the port for clients, or the dashboard’s: both ends say which port is wanted', async () => {
    const { log, message } = recordedLog();
    await using depot = await Depot.server({ log });
    const { socksPort, controlPort } = depot.server.address;
    const at = (port: number): string => changed(depot.firstLink, new RegExp(`:${controlPort}/`), `:${port}/`);
    const turnedAway = message('turned-away');
    assert.match(await complaintOf(at(socksPort)), /:\d+ answered nothing: .* server's control port/);
    assert.match(await turnedAway, /a local or a client of depot, which has to go to the control port/);
    const web = Number(new URL(depot.server.web?.url ?? '').port);
    assert.match(await complaintOf(at(web)), /:\d+ does not speak TLS as the control port .* is the port right\?/);
  });

  test('another key: it is the link that is doubted, and it stays good', async () => {
    await using depot = await Depot.server();
    using home = tempDir();
    await using local = await createLocal({
      home: home.path,
      link: changed(depot.firstLink, /#.*/, `#${'A'.repeat(43)}`),
    });
    assert.match((await local.over).message, /another key than the one in this link\. Give the link exactly as/);
    await local.stop();
    const again = await depot.join(depot.firstLink, { home: home.path });
    assert.equal(again.status().connected, true);
  });
});

describe('identity', () => {
  test('another server at the same address is never spoken to: the local gives up', async () => {
    await using depot = await Depot.pair();
    const { controlPort } = depot.server.address;
    await depot.server.stop();
    await using impostor = await Depot.server({ controlPort });
    const { code, message } = await depot.local.over;
    assert.equal(code, 'identity-mismatch');
    assert.match(message, /another key than the server that was joined/);
    assert.equal(impostor.server.status().locals.filter(({ connected }) => connected).length, 0);
  });

  test('the key is what counts: a copy of a home is the same local, and the newest login has it at once', async () => {
    await using depot = await Depot.server();
    await using app = await App.listen(() => undefined);
    using homes = tempDir();
    const [original, copy] = [path.join(homes.path, 'a'), path.join(homes.path, 'b')];
    const first = await depot.join(depot.firstLink, { home: original });
    mkdirSync(copy, { mode: 0o700 });
    for (const file of ['key.pem', 'link.json']) copyFileSync(path.join(original, file), path.join(copy, file));
    const connection = app.connection();
    const client = await openStream(depot.target(LOOPBACK, app.port));
    const seen = Promise.all([ending(client), ending(await connection)]);
    const replaced = disconnected(first);
    const up = once(depot.server.events, 'localUp');
    await using second = await createLocal({ home: copy });
    assert.equal(await replaced, 'replaced');
    const stopped = first.stop();
    await up;
    assert.deepEqual(await seen, ['rst', 'rst'], 'the streams of the old session are aborted');
    await stopped;
    assert.equal(await replyOf(depot, app.port), 0);
    assert.equal(second.status().connected, true);
  });
});

test('revoking a local cuts it off at once, and for good', async () => {
  await using depot = await Depot.pair();
  await using app = await App.listen(() => undefined);
  const connection = app.connection();
  const client = await openStream(depot.target(LOOPBACK, app.port));
  const seen = Promise.all([ending(client), ending(await connection)]);
  const codes = on(depot.local.events, 'disconnected') as AsyncIterableIterator<[{ error: DepotError }]>;
  await depot.server.administration.revokeLocal('home');
  assert.equal(await replyOf(depot, app.port), 1);
  assert.deepEqual(await seen, ['rst', 'rst']);
  assert.equal((await codes.next()).value?.[0].error.code, 'revoked');
  assert.equal((await codes.next()).value?.[0].error.code, 'unknown-local');
  assert.deepEqual(depot.server.status().locals, []);
});

test('a local that cannot keep what it has joined is not connected, and joins once it can', async () => {
  await using depot = await Depot.server();
  using home = tempDir();
  await using local = await createLocal({ home: home.path, link: depot.firstLink });
  const inTheWay = path.join(home.path, 'link.json');
  mkdirSync(inTheWay);
  const [{ error }] = (await once(local.events, 'disconnected')) as [{ error: DepotError }];
  assert.equal(local.status().connected, false);
  assert.match(error.message, /link\.json/);
  const connected = once(local.events, 'connected');
  rmdirSync(inTheWay);
  await connected;
  assert.equal(local.status().connected, true);
  assert.ok(statSync(inTheWay).isFile());
});

describe('coming back', () => {
  /** Contract: the local is back this soon after the server is. */
  const BACK_MS = 2000;

  const restart = async (home: string, old: DepotServer): Promise<DepotServer> => {
    const { socksPort, controlPort } = old.address;
    await old.stop();
    return serverIn(home, { socksPort, controlPort });
  };

  test('a server that is stopped and started again has its local back within 2 s', async () => {
    using home = tempDir();
    await using app = await App.echo();
    await using depot = await Depot.server({ home: home.path });
    const local = await depot.join(depot.firstLink);
    const { socksPort, controlPort } = depot.server.address;
    const failures = on(local.events, 'disconnected');
    await depot.server.stop();
    // Long enough away for the pauses to have grown to their longest.
    for (let failure = 0; failure < 6; failure += 1) await failures.next();
    await using again = await serverIn(home.path, { socksPort, controlPort });
    const startedMs = performance.now();
    await once(again.events, 'localUp');
    assert.ok(performance.now() - startedMs < BACK_MS, `${performance.now() - startedMs} ms`);
    const [wire, { reply }] = await handshake({ ...depot.target(LOOPBACK, app.port), socksPort });
    wire[Symbol.dispose]();
    assert.equal(reply, 0);
  });

  test('ten restarts in a row', async () => {
    using home = tempDir();
    await using depot = await Depot.server({ home: home.path });
    const local = await depot.join(depot.firstLink, { reconnectMinMs: 20 });
    let current = depot.server;
    for (let round = 0; round < 10; round += 1) {
      const back = once(local.events, 'connected');
      current = await restart(home.path, current);
      await back;
    }
    await using _ = current;
    assert.ok(local.status().reconnects >= 10);
  });

  test('a local whose first attempt fails joins when the server is there', async () => {
    using home = tempDir();
    await using depot = await Depot.server({ home: home.path });
    const { socksPort, controlPort } = depot.server.address;
    await depot.server.stop();
    await using early = await stray(depot.firstLink);
    assert.equal(await disconnected(early.local), 'connection-refused');
    await using again = await serverIn(home.path, { socksPort, controlPort });
    const [{ name }] = (await once(again.events, 'localUp')) as [{ name: string }];
    assert.equal(name, 'home');
  });
});

test('a network that falls silent is noticed by both sides, and the link comes back with it', async () => {
  const heartbeat = { heartbeatMs: 100, deadAfterMs: 400 };
  const NOTICED_MS = 5000;
  // The same port at another address of loopback: tunnels take the same way as the control connection.
  const detour = '127.0.0.2';
  await using depot = await Depot.server({ advertise: detour, ...heartbeat });
  const { controlPort: port } = depot.server.address;
  await using network = await TcpRelay.listen({ host: detour, port }, { host: LOOPBACK, port });
  await using app = await App.listen(() => undefined);
  const local = await depot.join(depot.firstLink, { ...heartbeat, connectMs: 500 });
  const { server } = depot;
  const connection = app.connection();
  const client = await openStream(depot.target(LOOPBACK, app.port));
  const cut = Promise.all([ending(client), ending(await connection)]);
  const down = once(server.events, 'localDown') as Promise<[{ error: DepotError }]>;
  const lost = disconnected(local);

  const silentMs = performance.now();
  network.fallSilent();
  assert.equal((await down)[0].error.code, 'timed-out');
  assert.equal(await lost, 'timed-out');
  assert.deepEqual(await cut, ['rst', 'rst'], 'its streams end with a visible error');
  const noticedMs = performance.now() - silentMs;
  assert.ok(noticedMs >= heartbeat.deadAfterMs - heartbeat.heartbeatMs, `too early, after ${noticedMs} ms`);
  assert.ok(noticedMs < NOTICED_MS, `after ${noticedMs} ms`);
  assert.equal(await replyOf(depot, app.port), 1);

  const up = once(server.events, 'localUp');
  network.recover();
  await up;
  assert.equal(await replyOf(depot, app.port), 0);
});
