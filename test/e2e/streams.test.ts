// What happens to a stream on its way: half-close and abort in both directions, readers that stop, bursts, clients that give up.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { on } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { DepotLocal, StreamEnd } from '../../src/index.ts';
import { App, collect, ending } from '../support/apps.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { credentials, greeting, handshake, openStream, request, Wire } from '../support/socks-client.ts';

const MIB = 1024 * 1024;

let depot: Depot & { local: DepotLocal };
before(async () => {
  depot = await Depot.pair();
});
after(() => depot[Symbol.asyncDispose]());

/** Both ends of a new stream to `app`. */
const openThrough = async (to: Depot, app: App): Promise<[client: net.Socket, app: net.Socket]> => {
  const connection = app.connection();
  const client = await openStream(to.target(LOOPBACK, app.port));
  return [client, await connection];
};
const open = (app: App): Promise<[client: net.Socket, app: net.Socket]> => openThrough(depot, app);
const listen = (): Promise<App> => App.listen(() => undefined);

/** Writes as fast as it goes, until the socket is gone or `bytes` are written. Resolves with how much that was. */
const pour = async (socket: net.Socket, bytes = Number.POSITIVE_INFINITY): Promise<number> => {
  let written = 0;
  const chunk = Buffer.alloc(256 * 1024, 'depot');
  while (written < bytes && !socket.destroyed) {
    written += chunk.length;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.write(chunk, () => resolve());
    await promise;
  }
  return written;
};

const count = async (socket: net.Socket, bytes: number): Promise<void> => {
  let received = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received += chunk.length;
    if (received >= bytes) return;
  }
  assert.fail(`the end after ${received} of ${bytes} bytes`);
};

describe('half-close', () => {
  test('the client ends first: the app sees it, and its late answer comes back whole', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    const question = randomBytes(3 * MIB);
    const answer = randomBytes(5 * MIB);
    client.end(question);
    const atApp = await collect(served);
    assert.ok(atApp.equals(question));
    served.end(answer);
    assert.ok((await collect(client)).equals(answer));
  });

  test('the app ends first: the client sees it, and what it still sends arrives whole', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    const answer = randomBytes(3 * MIB);
    const afterwards = randomBytes(5 * MIB);
    served.end(answer);
    assert.ok((await collect(client)).equals(answer));
    client.end(afterwards);
    assert.ok((await collect(served)).equals(afterwards));
  });

  test('both end without a byte', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    client.end();
    assert.equal((await collect(served)).length, 0);
    served.end();
    assert.equal((await collect(client)).length, 0);
  });
});

describe('an abort is an abort, and never looks like an end', () => {
  test('of the client, while nothing moves', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    const seen = ending(served);
    client.resetAndDestroy();
    assert.equal(await seen, 'rst');
  });

  test('of the app, while nothing moves', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    const seen = ending(client);
    served.resetAndDestroy();
    assert.equal(await seen, 'rst');
  });

  test('of the client, in the middle of its data', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    const poured = pour(client);
    const seen = ending(served);
    served.once('data', () => client.resetAndDestroy());
    assert.equal(await seen, 'rst');
    await poured;
  });

  test('of the app, in the middle of its data', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    const poured = pour(served);
    const seen = ending(client);
    client.once('data', () => served.resetAndDestroy());
    assert.equal(await seen, 'rst');
    await poured;
  });

  test('of the client, after the app has ended', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    served.end('bye');
    assert.equal((await collect(client)).toString(), 'bye');
    const seen = ending(served);
    client.resetAndDestroy();
    assert.equal(await seen, 'rst');
  });

  test('of the app, after the client has ended', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    client.end('bye');
    assert.equal((await collect(served)).toString(), 'bye');
    const seen = ending(client);
    served.resetAndDestroy();
    assert.equal(await seen, 'rst');
  });

  test('of the operator: both sides see it', async () => {
    await using app = await listen();
    const [client, served] = await open(app);
    const seen = Promise.all([ending(client), ending(served)]);
    for (const { id } of depot.server.status().streams) depot.server.kick(String(id));
    assert.deepEqual(await seen, ['rst', 'rst']);
  });
});

describe('a reader that stops', () => {
  /** More than every window and every buffer of the system together. */
  const PLENTY = 96 * MIB;
  /** The most that may be on its way for it: the first window, for it reads nothing, and the buffers of four sockets. */
  const ON_ITS_WAY = 32 * MIB;

  const cases = { 'on a tunnel of its own': {}, 'on a tunnel that it shares': { tunnelsMin: 1, tunnelsMax: 1 } };
  for (const [where, settings] of Object.entries(cases)) {
    test(`${where}, holds little, slows no neighbour, and gets everything in the end`, async () => {
      await using shared = await Depot.pair(settings);
      await using stalled = await listen();
      await using other = await listen();
      const [reader, source] = await openThrough(shared, stalled);
      const poured = pour(source, PLENTY);
      const [neighbour, neighboursApp] = await openThrough(shared, other);
      const rssBefore = process.memoryUsage.rss();
      const moved = pour(neighboursApp, PLENTY);
      await count(neighbour, PLENTY);
      await moved;
      const { bytesDown } = shared.server.status().streams.find(({ id }) => id === 1) ?? {};
      assert.ok(bytesDown !== undefined && bytesDown < ON_ITS_WAY, `${bytesDown} bytes wait for the stopped reader`);
      assert.ok(process.memoryUsage.rss() - rssBefore < 128 * MIB, 'memory stays bounded');
      assert.ok(source.bytesWritten - source.writableLength < ON_ITS_WAY, 'the app is held back');
      await count(reader, PLENTY);
      await poured;
    });
  }

  test('an app that does not read holds its client back', async () => {
    await using stalled = await listen();
    await using other = await App.echo();
    const [client, served] = await open(stalled);
    served.pause();
    const poured = pour(client, PLENTY);
    const [neighbour] = await open(other);
    void pour(neighbour, PLENTY);
    await count(neighbour, PLENTY);
    assert.ok(client.bytesWritten - client.writableLength < ON_ITS_WAY, 'the client is held back');
    await count(served, PLENTY);
    await poured;
  });
});

describe('bursts', () => {
  test('64 requests at once succeed, all open at the same time, on 4 tunnels', async () => {
    await using small = await Depot.pair({ tunnelsMin: 1, tunnelsMax: 4 });
    // Nobody is answered before everybody is there.
    const here: net.Socket[] = [];
    await using app = await App.listen((socket) => {
      here.push(socket);
      if (here.length < 64) return;
      for (const each of here) {
        each.write('all here');
        each.pipe(each);
      }
    });
    const clients = await Promise.all(Array.from({ length: 64 }, () => openStream(small.target(LOOPBACK, app.port))));
    const answers = clients.map(async (client, index) => {
      client.end(` ${index}`);
      return (await collect(client)).toString();
    });
    const [local] = small.server.status().locals;
    assert.equal(local?.streams, 64);
    assert.ok(local.tunnels.busy + local.tunnels.idle <= 4, `${JSON.stringify(local.tunnels)} tunnels`);
    assert.deepEqual(
      await Promise.all(answers),
      clients.map((_, index) => `all here ${index}`),
    );
  });

  test('300 logins with the right password, all at the same moment, are all let in', async () => {
    await using busy = await Depot.server();
    await using stack = new AsyncDisposableStack();
    const wires = await Promise.all(Array.from({ length: 300 }, () => Wire.connect(busy.socksPort)));
    for (const wire of wires) stack.use(wire).write(greeting(2));
    for (const wire of wires) await wire.read(2);
    for (const wire of wires) wire.write(credentials(busy.login));
    const answers = await Promise.all(wires.map((wire) => wire.read(2)));
    assert.equal(answers.filter(([, status]) => status !== 0).length, 0, 'some were turned away');
  });

  test('what a burst leaves behind serves the next one', async () => {
    await using small = await Depot.pair({ tunnelsMin: 1, tunnelsMax: 4 });
    await using app = await App.echo();
    for (let round = 0; round < 3; round += 1) {
      const words = Array.from({ length: 16 }, async (_, index) => {
        const client = await openStream(small.target(LOOPBACK, app.port));
        client.end(`round ${round}, client ${index}`);
        return (await collect(client)).toString();
      });
      assert.deepEqual(
        await Promise.all(words),
        Array.from({ length: 16 }, (_, index) => `round ${round}, client ${index}`),
      );
    }
    assert.equal(small.server.status().streams.length, 0);
  });
});

describe('a client that goes away while its app is dialed', () => {
  for (const ready of [true, false]) {
    const where = ready ? 'on a tunnel that was ready' : 'before there is any tunnel';
    test(`${where}: the dial is given up, and no connection reaches the app`, async () => {
      const asked = Promise.withResolvers<void>();
      const answer = Promise.withResolvers<readonly string[]>();
      const resolve = (host: string): Promise<readonly string[]> => {
        if (host !== 'app.test') return Promise.resolve([host]);
        asked.resolve();
        return answer.promise;
      };
      let reached = 0;
      await using app = await App.listen(() => {
        reached += 1;
      });
      await using pending = await Depot.server();
      const { socksPort, login, server } = pending;
      using wire = await Wire.connect(socksPort);
      wire.write(greeting(2), credentials(login));
      await wire.read(4);
      const send = (): void => wire.write(request('app.test', app.port));
      if (!ready) server.events.once('localUp', send);
      const local = await pending.join(pending.firstLink, { resolve });
      if (ready) {
        await openStream(pending.target(LOOPBACK, app.port));
        send();
      }
      await asked.promise;
      const given = [local, server].map(async ({ events }) => {
        for await (const [end] of on(events, 'streamEnd') as AsyncIterable<[StreamEnd]>) {
          if (end.target.host === 'app.test') return end.error?.code;
        }
      });
      wire.socket.resetAndDestroy();
      assert.deepEqual(await Promise.all(given), ['aborted', 'aborted']);
      const before = reached;
      answer.resolve([LOOPBACK]);
      // A request that comes after it gets through, and it alone reaches the app.
      await openStream(pending.target(LOOPBACK, app.port));
      assert.equal(reached, before + 1);
    });
  }
});

test('more streams than there may be are refused with REP 1, on the server and on the local, until one has ended', async () => {
  for (const [server, local] of [
    [{ streamsMax: 2 }, {}],
    [{}, { streamsMax: 2 }],
  ]) {
    await using few = await Depot.pair(server, local);
    await using app = await App.echo();
    const target = few.target('home.depot', app.port);
    const [first, second] = [await openStream(target), await openStream(target)];
    const [wire, { reply }] = await handshake(target);
    assert.equal(reply, 1);
    wire[Symbol.dispose]();
    first.end();
    assert.equal(await ending(first.resume()), 'fin');
    const third = await openStream(target);
    for (const socket of [second, third]) socket.destroy();
  }
});
