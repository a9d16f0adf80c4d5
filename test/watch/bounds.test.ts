// Who watches or is told and does not listen: what is kept for them is bounded.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import type { Log } from '../../src/log.ts';
import { Notices } from '../../src/watch/notices.ts';
import { Subscribers } from '../../src/watch/subscribers.ts';
import { ask, cookieOf, Events, logIn } from '../support/api.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';

test('a dashboard that does not read is sent nothing beyond 1 MiB, however much happens', () => {
  /** What a response is to its subscriber, with a reader that takes nothing. */
  class Unread extends EventEmitter {
    writableLength = 0;
    destroyed = false;
    writeHead(): void {}
    write(text: string): boolean {
      this.writableLength += text.length;
      return false;
    }
  }
  const response = new Unread();
  const subscribers = new Subscribers();
  subscribers.add(response as unknown as http.ServerResponse, () => []);
  for (let left = 1000; left > 0; left -= 1) subscribers.tick('x'.repeat(64 * 1024));
  assert.ok(response.writableLength < 1.2 * 1024 * 1024, `${response.writableLength} bytes`);
});

test('notices that nobody takes: 100 wait, the oldest of more are dropped, and the log says so', async () => {
  const server = http.createServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const dropped: unknown[] = [];
  const all = Promise.withResolvers<void>();
  const nothing = (): void => undefined;
  const warn = ({ why }: Readonly<Record<string, unknown>>): void => {
    dropped.push(why);
    if (dropped.length === 49) all.resolve();
  };
  const log: Log = { debug: nothing, info: nothing, warn, error: nothing };
  using notices = new Notices({ url: `http://${LOOPBACK}:${port}/`, secret: undefined, afterMs: () => 1, log });
  const asked = once(server, 'request');
  notices.down('first', 'gone');
  await asked;
  for (let number = 0; number < 149; number += 1) notices.down(`local-${number}`, 'gone');
  await all.promise;
  assert.deepEqual(new Set(dropped), new Set(['too many wait']));
  server.closeAllConnections();
  server.close();
});

test('whoever has not made a whole request at the web port after 10 s is shown out', async () => {
  await using depot = await Depot.server();
  const { port } = new URL(depot.server.web?.url ?? '');
  const login = 'POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{"password":';
  const signal = AbortSignal.timeout(15_000);
  const ended = ['', 'GET / HTTP/1.1\r\nHost: loc', login].map(async (text) => {
    const socket = net.connect({ host: LOOPBACK, port: Number(port) });
    socket.resume().write(text);
    await once(socket, 'end', { signal });
  });
  await Promise.all(ended);
});

test('a body for the API has 64 KiB at most', async () => {
  using home = tempDir();
  await using depot = await Depot.server({ home: path.join(home.path, 'home') });
  assert.ok(depot.server.address.socksPort > 0);
  const socketPath = path.join(home.path, 'home', 'admin.sock');
  const { status, text } = await ask({ socketPath }, '/api/v1/users', {
    method: 'POST',
    body: { name: 'x'.repeat(100_000) },
  });
  assert.equal(status, 400);
  assert.match(text, /too long/);
});

test('silent strangers at the web port: so many of one address, then the oldest go, and who has logged in stays', async () => {
  await using depot = await Depot.server();
  const { web } = depot.server;
  const { port } = new URL(web?.url ?? '');
  const where = { host: LOOPBACK, port: Number(port) };
  const cookie = cookieOf(await logIn(where, web?.password ?? ''));
  using events = await Events.open(where, { headers: { cookie } });
  await events.until('ready');
  const { reserved } = depot.server.status().descriptors;
  const most = Math.ceil(Math.min(500, Math.floor(reserved / 4)) / 4);
  let gone = 0;
  const enough = Promise.withResolvers<void>();
  const sockets = Array.from({ length: most + 20 }, () =>
    net
      .connect(where)
      .on('error', () => undefined)
      .on('close', () => {
        gone += 1;
        if (gone === 20) enough.resolve();
      })
      .resume(),
  );
  await enough.promise;
  assert.equal((await ask(where, '/healthz')).status, 200);
  // News for the dashboard that was there before them.
  net.connect({ host: LOOPBACK, port: depot.socksPort }).end('?');
  await events.until('change');
  for (const socket of sockets) socket.destroy();
});
