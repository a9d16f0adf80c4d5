// Many who come at the same moment, while the server has its hands full: none of them is made to try again.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { startNewServer } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';

/** More than Node has the system keep for a port, fewer than the descriptors of a shell. */
const VISITORS = 700;
/** The server stands still all the while, so whoever is dropped does not come in, however often they try again. */
const AT_MOST_MS = 15_000;

const dialAll = async (port: number): Promise<number> => {
  await using sockets = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(AT_MOST_MS);
  const dialing = Array.from({ length: VISITORS }, () => {
    const socket = net.connect({ host: LOOPBACK, port });
    sockets.defer(() => void socket.destroy());
    return once(socket, 'connect', { signal });
  });
  const settled = await Promise.allSettled(dialing);
  return settled.filter(({ status }) => status === 'fulfilled').length;
};

test('a burst of connections waits at the door of a server that is busy', async () => {
  using home = tempDir();
  const [server, printed] = await startNewServer(home.path);
  await using _ = server;
  server.child.kill('SIGSTOP');
  const waiting = { clients: await dialAll(printed.socksPort), locals: await dialAll(printed.controlPort) };
  server.child.kill('SIGCONT');
  assert.deepEqual(waiting, { clients: VISITORS, locals: VISITORS });
});
