// A server that has been taken over: what it can make a local do. It speaks with depot's own codec, and means harm.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { createLocal, type DepotError, type LocalOptions } from '../../src/index.ts';
import { encodeJsonFrame, FrameType } from '../../src/link/frames.ts';
import { formatJoinLink } from '../../src/link/join-link.ts';
import type { Open } from '../../src/link/messages.ts';
import { WindowBudget } from '../../src/link/window.ts';
import { FrameConnection } from '../../src/net/frame-connection.ts';
import { TlsAcceptor } from '../../src/net/tls.ts';
import { Tunnel } from '../../src/net/tunnel.ts';
import { App } from '../support/apps.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { NEVER } from '../support/link.ts';
import { newIdentity } from '../support/link-client.ts';

const PATIENCE = { heartbeatMs: 10_000, deadAfterMs: 24_000 };
const WINDOWS = { maxBytes: 1024 * 1024, budget: new WindowBudget(1024 * 1024), datagramBytes: 64 * 1024 };
const ID = 'x'.repeat(43);

/** A server that welcomes whoever comes, and then does what it likes with the connection that it is given. */
class HostileServer implements AsyncDisposable {
  readonly sockets = new Set<net.Socket>();
  readonly #identity = newIdentity();
  readonly #listener: net.Server;

  constructor(onControl: (connection: FrameConnection) => void, onTunnel: (connection: FrameConnection) => void) {
    const acceptor = new TlsAcceptor(this.#identity);
    this.#listener = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      this.sockets.add(socket);
      void acceptor.accept(socket, NEVER).then(
        ({ socket: secure }) => {
          const connection = new FrameConnection(secure, { data: () => undefined, frame: answer }, PATIENCE);
          function answer(type: FrameType, _stream: number, payload: Uint8Array): void {
            if (type !== FrameType.hello) return;
            if (!Buffer.from(payload).toString().includes('"control"')) {
              onTunnel(connection);
              return;
            }
            connection.send(encodeJsonFrame(FrameType.welcome, 0, { version: 2, name: 'home', software: 'a test' }));
            onControl(connection);
          }
        },
        () => undefined,
      );
    });
  }

  /** What makes a local join it. */
  async link(): Promise<string> {
    await once(this.#listener.listen(0, LOOPBACK), 'listening');
    const { port } = this.#listener.address() as net.AddressInfo;
    const { fingerprint } = this.#identity;
    return formatJoinLink({ role: 'local', host: LOOPBACK, port, name: 'home', fingerprint, invitation: ID });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const socket of this.sockets) socket.destroy();
    await Promise.resolve();
  }
}

test('a server that asks for tunnels without end loses its local, which opens no more than it should', async () => {
  await using server = new HostileServer(
    (connection) => {
      for (let batch = 0; batch < 8; batch += 1) {
        const ids = Array.from({ length: 100 }, (_, index) => `${batch}-${index}`);
        connection.send(encodeJsonFrame(FrameType.control, 0, { type: 'tunnels', ids }));
      }
    },
    () => undefined,
  );
  using home = tempDir();
  await using local = await createLocal({ home: home.path, link: await server.link() });
  const [{ error }] = (await once(local.events, 'disconnected')) as [{ error: DepotError }];
  assert.equal(error.code, 'protocol-violation');
  assert.match(error.message, /more than 512 tunnels/);
  assert.ok(server.sockets.size <= 513, `${server.sockets.size} connections`);
});

/** A local with these settings, and a tunnel of the server's to it. */
const withTunnel = async (
  settings: Partial<LocalOptions>,
  attack: (tunnel: Tunnel, control: FrameConnection) => Promise<void>,
): Promise<void> => {
  const brought = Promise.withResolvers<Tunnel>();
  const welcomed = Promise.withResolvers<FrameConnection>();
  await using server = new HostileServer(
    (connection) => {
      connection.send(encodeJsonFrame(FrameType.control, 0, { type: 'tunnels', ids: [ID] }));
      welcomed.resolve(connection);
    },
    // What comes next is another turn's; this one still belongs to the hello.
    (connection) => brought.resolve(new Tunnel(connection, { windows: WINDOWS })),
  );
  using home = tempDir();
  await using local = await createLocal({ ...settings, home: home.path, link: await server.link() });
  assert.equal(local.status().clockAheadMs, null, 'it did not say what time it has');
  await attack(await brought.promise, await welcomed.promise);
};

test('a server cannot make a local dial what its rules forbid, whatever it claims, and by whichever command', async () => {
  let reached = 0;
  await using allowed = await App.echo();
  await using forbidden = await App.listen((socket) => {
    reached += 1;
    socket.destroy();
  });
  const resolve = (host: string): Promise<readonly string[]> =>
    Promise.resolve(host === 'localhost' ? [LOOPBACK] : host === 'rebind.lan' ? ['127.0.0.1'] : [host]);
  await withTunnel({ allow: [`localhost:${allowed.port}`, '*.lan'], resolve }, async (tunnel) => {
    const ask = (destination: Open['destination'], more: Partial<Open> = {}): Promise<unknown> =>
      tunnel.open({ command: 'connect', destination, user: 'root', from: LOOPBACK, ...more }, NEVER);
    const port = forbidden.port;
    const targets = [LOOPBACK, '127.9.9.9', '::1', '::ffff:127.0.0.1', '0.0.0.0', '::', 'localhost', 'rebind.lan'];
    for (const host of targets) await assert.rejects(ask({ host, port }), { code: 'not-allowed' }, host);
    for (const host of ['169.254.169.254', '::ffff:169.254.169.254', '224.0.0.1', '192.0.2.1'])
      await assert.rejects(ask({ host, port: 80 }), { code: 'not-allowed' }, host);
    const claims: readonly Partial<Open>[] = [
      { addressRules: [{ allow: true, addresses: '0.0.0.0/0', rule: 'allow 0.0.0.0/0' }] },
      { user: 'alice+home' },
      { from: '0.0.0.0' },
      { check: true },
    ];
    for (const claim of claims) await assert.rejects(ask({ host: LOOPBACK, port }, claim), { code: 'not-allowed' });
    for (const command of ['bind', 'resolve', 'resolve-ptr'] as const)
      await assert.rejects(ask({ host: '192.0.2.1', port }, { command }), { code: 'not-allowed' }, command);
    // Of an association each datagram is judged; nothing tells whoever sends one that is not let through.
    const association = await tunnel.open(
      { command: 'associate', destination: { host: '0.0.0.0', port: 0 }, from: LOOPBACK },
      NEVER,
    );
    assert.ok(association.kind === 'datagrams');
    association.datagrams.end();
    const open = await tunnel.open(
      { command: 'connect', destination: { host: LOOPBACK, port: allowed.port }, from: LOOPBACK },
      NEVER,
    );
    assert.equal(open.kind, 'stream', 'what is allowed is dialed');
    assert.ok(open.kind === 'stream');
    open.stream.end();
  });
  assert.equal(reached, 0);
});

test('nor by a request on the control connection', async () => {
  let reached = 0;
  await using app = await App.listen((socket) => {
    reached += 1;
    socket.destroy();
  });
  const answers: unknown[] = [];
  const answered = Promise.withResolvers<void>();
  await using server = new HostileServer(
    (connection) => {
      const open: Open = { command: 'connect', destination: { host: LOOPBACK, port: app.port }, from: LOOPBACK };
      connection.send(encodeJsonFrame(FrameType.control, 0, { type: 'request', tunnel: ID, open }));
    },
    (connection) => {
      const tunnel = new Tunnel(connection, { windows: WINDOWS });
      tunnel.expect('connect', NEVER).catch((error: DepotError) => {
        answers.push(error.code);
        answered.resolve();
      });
    },
  );
  using home = tempDir();
  await using _ = await createLocal({ home: home.path, link: await server.link(), allow: ['localhost:1'] });
  await answered.promise;
  assert.deepEqual(answers, ['not-allowed']);
  assert.equal(reached, 0);
});
