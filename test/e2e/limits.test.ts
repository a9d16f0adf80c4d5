// What users may do, seen by a client and in the log: each refusal is REP 2 with its reason, and streams that become
// forbidden end.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type net from 'node:net';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { DepotLocal, StreamEnd, StreamSnapshot } from '../../src/index.ts';
import type { UserLimits } from '../../src/rules/limits.ts';
import { App, collect, ending } from '../support/apps.ts';
import { depot as depotCommand, startLocal, startNewServer, startServer } from '../support/cli.ts';
import { Depot, LOOPBACK, type Login, tempDir } from '../support/depot.ts';
import { LinkSession } from '../support/link-client.ts';
import { handshake, openStream } from '../support/socks-client.ts';
import { AssociatedClient, udpEcho, UdpPeer } from '../support/udp.ts';

describe('a user with limits', () => {
  let depot: Depot & { local: DepotLocal };
  let app: App;
  let users = 0;
  before(async () => {
    const resolve = async (host: string): Promise<readonly string[]> => [host === 'printer' ? '127.0.0.2' : LOOPBACK];
    depot = await Depot.pair({ rules: ['deny *:9'] }, { resolve });
    app = await App.echo('0.0.0.0');
  });
  after(async () => {
    await app[Symbol.asyncDispose]();
    await depot[Symbol.asyncDispose]();
  });

  const userWith = (limits: Partial<UserLimits>): Promise<Login> => {
    users += 1;
    return depot.addUser(`user${users}`, ['home', 'old'], limits);
  };
  const target = (login: Login, host: string = LOOPBACK, port = app.port) => depot.target(host, port, login);
  /** The REP, and why, as the log has it. */
  const outcome = async (
    login: Login,
    host?: string,
    port?: number,
  ): Promise<readonly [number, string | undefined]> => {
    const end = once(depot.server.events, 'streamEnd') as Promise<[StreamEnd]>;
    const [wire, { reply }] = await handshake(target(login, host, port));
    wire[Symbol.dispose]();
    const [{ error }] = await end;
    return [reply, error?.message];
  };
  const streamOf = async (login: Login, host?: string): Promise<net.Socket> => {
    const socket = await openStream(target(login, host));
    socket.on('error', () => undefined);
    return socket;
  };

  test('is refused by its rule, which is named', async () => {
    const login = await userWith({ rules: [`deny home.depot:${app.port}`] });
    const [reply, reason] = await outcome(login);
    assert.equal(reply, 2);
    assert.match(reason ?? '', /refused by the rule "deny home\.depot:\d+"/);
  });

  test('is refused by a rule for everybody', async () => {
    const [reply, reason] = await outcome(depot.login, LOOPBACK, 9);
    assert.equal(reply, 2);
    assert.match(reason ?? '', /"deny \*:9"/);
  });

  test('cannot get around a rule about an address by a name, for local checks what the name leads to', async () => {
    const login = await userWith({ rules: ['deny 127.0.0.2', 'allow *'] });
    const [reply, reason] = await outcome(login, 'printer.home.depot');
    assert.equal(reply, 2);
    assert.match(reason ?? '', /127\.0\.0\.2 is refused by the rule "deny 127\.0\.0\.2"/);
    const [other] = await outcome(login, 'elsewhere.home.depot');
    assert.equal(other, 0);
  });

  test('gets no name at all through a local that is too old to check its address', async () => {
    const { link } = await depot.server.administration.invite('old');
    using _ = await LinkSession.join(depot.server.address.controlPort, link, [1]);
    const [reply, reason] = await outcome(await userWith({ rules: ['deny 127.0.0.2'] }), 'printer.old.depot');
    assert.equal(reply, 2);
    assert.match(reason ?? '', /old .*is too old to check rules on the address of printer/);
  });

  test('is refused from elsewhere, and after its time', async () => {
    const [from, fromReason] = await outcome(await userWith({ from: ['203.0.113.0/24'] }));
    assert.match(`${from} ${fromReason}`, /^2 user \w+ may not come from 127\.0\.0\.1, only from 203\.0\.113\.0\/24/);
    const [until, untilReason] = await outcome(await userWith({ validUntil: Date.UTC(2020, 0) }));
    assert.match(`${until} ${untilReason}`, /^2 user \w+ was valid until 2020-01-01/);
  });

  test('has so many streams at once, and another one when one has ended', async () => {
    const login = await userWith({ maxStreams: 1 });
    const first = await streamOf(login);
    const [reply, reason] = await outcome(login);
    assert.match(`${reply} ${reason}`, /^2 user \w+ has 1 streams, and may have 1 at once/);
    const end = once(depot.server.events, 'streamEnd');
    first.destroy();
    await end;
    (await streamOf(login)).destroy();
  });

  test('loses its streams when its bytes of the month are used up, and gets no new one', async () => {
    const login = await userWith({ monthlyBytes: 1000 });
    const stream = await streamOf(login);
    const ended = once(depot.server.events, 'streamEnd') as Promise<[StreamEnd]>;
    stream.write(Buffer.alloc(600));
    assert.equal(await ending(stream), 'rst');
    const [{ error }] = await ended;
    assert.equal(error?.code, 'quota-exceeded');
    const [reply, reason] = await outcome(login);
    assert.match(`${reply} ${reason}`, /^2 user \w+ has used its 1000 bytes of this month/);
    const { usedBytes } = await depot.server.administration.user(login.user);
    assert.equal(usedBytes, 1200);
  });

  const CHANGES: readonly (readonly [what: string, change: Partial<UserLimits> & { locals?: string[] }])[] = [
    ['a rule', { rules: ['deny localhost'] }],
    ['its networks', { from: ['203.0.113.0/24'] }],
    ['its last day', { validUntil: Date.UTC(2020, 0) }],
    ['its locals', { locals: ['another'] }],
  ];
  for (const [what, change] of CHANGES) {
    test(`loses a running stream that ${what} forbids from now on`, async () => {
      const login = await userWith({});
      const stream = await streamOf(login);
      const ended = once(depot.server.events, 'streamEnd') as Promise<[StreamEnd]>;
      await depot.server.administration.setUser(login.user, change);
      assert.equal(await ending(stream), 'rst');
      const [{ error, user }] = await ended;
      assert.deepEqual([user, error?.code], [login.user, 'not-allowed']);
    });
  }

  test('keeps a running stream that stays allowed, and of too many the oldest', async () => {
    const login = await userWith({});
    const [old, young] = [await streamOf(login), await streamOf(login)];
    await depot.server.administration.setUser(login.user, { maxStreams: 1, rules: ['allow localhost'] });
    assert.equal(await ending(young), 'rst');
    old.write('still there');
    const answer = once(old, 'data') as Promise<[Buffer]>;
    old.resume();
    const [text] = await answer;
    assert.equal(text.toString(), 'still there');
    old.destroy();
  });

  test('gets no more than its rate, over all of its streams', async () => {
    const rateBytes = 400_000;
    const login = await userWith({ rateBytes });
    const streams = [await streamOf(login), await streamOf(login)];
    const { bytes, seconds } = await pump(streams, rateBytes, rateBytes / 2);
    requireRate(sum(bytes), rateBytes, seconds);
  });

  const associate = (login: Login): Promise<AssociatedClient> =>
    AssociatedClient.open({ socksPort: depot.socksPort, login });

  test('pays for datagrams, too, and loses its association when the month is used up', async () => {
    await using echo = await udpEcho();
    const login = await userWith({ monthlyBytes: 3500 });
    await using client = await associate(login);
    await client.ask('home.depot', echo.port, 'x'.repeat(1000));
    const ended = Promise.withResolvers<StreamEnd>();
    depot.server.events.on('streamEnd', (end) => {
      if (end.user === login.user) ended.resolve(end);
    });
    client.send('home.depot', echo.port, 'x'.repeat(1000));
    const { command, bytesUp, bytesDown, error } = await ended.promise;
    depot.server.events.removeAllListeners('streamEnd');
    assert.deepEqual([command, bytesUp, bytesDown, error?.code], ['associate', 2000, 2000, 'quota-exceeded']);
    assert.equal((await depot.server.administration.user(login.user)).usedBytes, 4000);
    await using late = await associate(login);
    assert.equal(late.reply.reply, 2);
  });

  test('gets no more datagrams through than its rate; what is over is dropped', async () => {
    await using app = await UdpPeer.bind();
    const rateBytes = 10_000;
    const login = await userWith({ rateBytes });
    await using client = await associate(login);
    const began = performance.now();
    for (let index = 0; index < 50; index += 1) client.send('home.depot', app.port, Buffer.alloc(1000));
    const mine = (): Pick<StreamSnapshot, 'bytesUp' | 'dropped'> | undefined =>
      depot.server.status().streams.find(({ user }) => user === login.user);
    while ((mine()?.bytesUp ?? 0) < 50_000) await setImmediate();
    const passed = 50 - (mine()?.dropped ?? 0);
    const seconds = (performance.now() - began) / 1000;
    assert.ok(passed >= 1 && passed * 1000 <= rateBytes * (seconds + 0.05) + 1000, `${passed} in ${seconds} s`);
    for (let index = 0; index < passed; index += 1) await app.next();
    assert.equal(app.waiting, 0);
  });
});

test('each stream, and all of a local, get no more than their rates', async () => {
  await using app = await App.echo();
  const [streamRateBytes, localRate] = [400_000, 600_000];
  await using slow = await Depot.pair({ streamRateBytes, localRates: { home: localRate } });
  const target = slow.target('home.depot', app.port);
  const { bytes, seconds } = await pump([await openStream(target), await openStream(target)], localRate, localRate / 2);
  for (const each of bytes) requireRate(each, streamRateBytes, seconds);
  requireRate(sum(bytes), localRate, seconds);
});

/** Sends so many bytes into each of these, and ends them when `enough` have come back in all: how many of which, and when. */
const pump = async (
  streams: readonly net.Socket[],
  sent: number,
  enough: number,
): Promise<{ readonly bytes: readonly number[]; readonly seconds: number }> => {
  const began = performance.now();
  const bytes = streams.map(() => 0);
  const done = Promise.withResolvers<void>();
  for (const [index, stream] of streams.entries()) {
    stream.on('data', (chunk: Buffer) => {
      bytes[index] = (bytes[index] ?? 0) + chunk.length;
      if (sum(bytes) >= enough) done.resolve();
    });
    stream.resume();
    stream.write(Buffer.alloc(sent));
  }
  await done.promise;
  const seconds = (performance.now() - began) / 1000;
  for (const stream of streams) stream.destroy();
  return { bytes: [...bytes], seconds };
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Never more than the rate and its burst of 50 ms, twice: on the way up, and on the way back. */
const requireRate = (bytes: number, rate: number, seconds: number): void =>
  assert.ok(bytes <= rate * (seconds + 0.1) + 1000, `${bytes} bytes in ${seconds} s`);

test('what a user has used outlives kill -9, up to the last seconds', async () => {
  using serverHome = tempDir();
  using localHome = tempDir();
  await using app = await App.echo();
  const [first, { login, link, socksPort, controlPort }] = await startNewServer(serverHome.path);
  await using server = first;
  await using local = await startLocal(localHome.path, link);
  const shown = async (): Promise<{ usedBytes: number; rateBytes: number }> => {
    const { stdout } = await depotCommand(['user', 'show', login.user, '--home', serverHome.path, '--json']);
    return JSON.parse(stdout) as { usedBytes: number; rateBytes: number };
  };
  for (const change of [
    [
      '--rate',
      '1k',
      '--monthly',
      '1KiB',
      '--deny',
      '*:22',
      '--allow',
      '*:80',
      '--until',
      '2001-01-01',
      '--max-streams',
      '1',
    ],
    ['--rate', '10M', '--monthly', 'none', '--no-rules', '--until', 'none', '--max-streams', 'none'],
  ]) {
    const set = await depotCommand(['user', 'set', login.user, '--home', serverHome.path, ...change]);
    assert.deepEqual([set.code, set.stdout, set.stderr], [0, '', '']);
  }
  const socket = await openStream({ socksPort, login, host: LOOPBACK, port: app.port });
  socket.end(Buffer.alloc(100_000));
  assert.equal((await collect(socket)).length, 100_000);
  // What the running server shows, it may not have written yet.
  using written = new DatabaseSync(path.join(serverHome.path, 'depot.db'), { readOnly: true });
  const bytesWritten = written.prepare('SELECT sum(bytes) AS bytes FROM usage');
  while (Number(bytesWritten.get()?.['bytes']) < 200_000) await new Promise((resolve) => setTimeout(resolve, 20));
  await server.stop('SIGKILL');
  assert.deepEqual(await shown().then(({ usedBytes, rateBytes }) => [usedBytes, rateBytes]), [200_000, 10_000_000]);
  await using again = await startServer(
    serverHome.path,
    '--socks-port',
    String(socksPort),
    '--control-port',
    String(controlPort),
  );
  assert.ok(again.pid > 0 && local.pid > 0);
  assert.equal((await shown()).usedBytes, 200_000);
});
