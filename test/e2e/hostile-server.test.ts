// A server that has been taken over: what it can make a local do.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { createLocal, type DepotError } from '../../src/index.ts';
import { encodeJsonFrame, FrameType } from '../../src/link/frames.ts';
import { formatJoinLink } from '../../src/link/join-link.ts';
import { FrameConnection } from '../../src/net/frame-connection.ts';
import { TlsAcceptor } from '../../src/net/tls.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { newIdentity } from '../support/link-client.ts';

const PATIENCE = { heartbeatMs: 10_000, deadAfterMs: 24_000 };

test('a server that asks for tunnels without end loses its local, which opens no more than it should', async () => {
  const identity = newIdentity();
  const acceptor = new TlsAcceptor(identity);
  const sockets = new Set<net.Socket>();
  const listener = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    void acceptor.accept(socket, new AbortController().signal).then(
      ({ socket: secure }) => {
        const connection = new FrameConnection(secure, { data: () => undefined, frame: answer }, PATIENCE);
        function answer(type: FrameType, _stream: number, payload: Uint8Array): void {
          if (type !== FrameType.hello || !Buffer.from(payload).toString().includes('"control"')) return;
          connection.send(encodeJsonFrame(FrameType.welcome, 0, { version: 1, name: 'home', software: 'a test' }));
          for (let batch = 0; batch < 8; batch += 1) {
            const ids = Array.from({ length: 100 }, (_, index) => `${batch}-${index}`);
            connection.send(encodeJsonFrame(FrameType.control, 0, { type: 'tunnels', ids }));
          }
        }
      },
      () => undefined,
    );
  });
  await once(listener.listen(0, LOOPBACK), 'listening');
  const { port } = listener.address() as net.AddressInfo;
  using home = tempDir();
  const { fingerprint } = identity;
  const link = formatJoinLink({
    role: 'local',
    host: LOOPBACK,
    port,
    name: 'home',
    fingerprint,
    invitation: 'x'.repeat(43),
  });
  await using local = await createLocal({ home: home.path, link });
  const [{ error }] = (await once(local.events, 'disconnected')) as [{ error: DepotError }];
  assert.equal(error.code, 'protocol-violation');
  assert.match(error.message, /more than 512 tunnels/);
  assert.ok(sockets.size <= 513, `${sockets.size} connections`);
  await local.stop();
  listener.close();
  for (const socket of sockets) socket.destroy();
});
