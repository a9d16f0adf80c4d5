// A server gives its place to a process that does not live to take it: nothing has changed then.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { describe, test } from 'node:test';
import type { Legacy } from '../../src/net/listener.ts';
import { handOver } from '../../src/server/handing-over.ts';
import { LOOPBACK } from '../support/depot.ts';

const STDIO = ['ignore', 'inherit', 'inherit', 'ipc'] as const;

describe('nothing is given up', () => {
  const handOverTo = async (
    start: () => ChildProcess,
    settle: () => Promise<void> = () => Promise.resolve(),
  ): Promise<{ error: unknown; left: boolean; takenBack: boolean }> => {
    const server = net.createServer().listen(0, LOOPBACK);
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const legacy: Legacy = { purpose: 'control', host: LOOPBACK, port, address: { host: LOOPBACK, port }, server };
    let [left, takenBack] = [false, false];
    const handed = handOver(start, {
      links: () => [legacy, legacy, legacy],
      entries: () => [],
      settle,
      leave: () => {
        left = true;
        return { locals: [], clients: [] };
      },
      yieldPorts: () => undefined,
      takeBack: async () => {
        takenBack = true;
      },
      onChange: () => undefined,
    });
    const error: unknown = await handed.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    server.close();
    return { error, left, takenBack };
  };

  test('to a program that cannot be started', async () => {
    const { error, left } = await handOverTo(() => spawn('/nowhere/depot', [], { stdio: [...STDIO] }));
    assert.equal((error as { code?: string }).code, 'conflict');
    assert.match(String(error), /ENOENT/);
    assert.equal(left, false);
  });

  test('to a process that is killed while a port is on its way', async () => {
    // It is ready, and then reads nothing any more.
    const script = "process.send({ type: 'ready' }, () => { for (;;); })";
    const child = spawn(process.execPath, ['--eval', script], { stdio: [...STDIO] });
    const { error, left, takenBack } = await handOverTo(
      () => child,
      () => {
        setImmediate(() => child.kill('SIGKILL'));
        return Promise.resolve();
      },
    );
    assert.equal((error as { code?: string }).code, 'conflict');
    assert.match(String(error), /the new process ended/);
    assert.deepEqual({ left, takenBack }, { left: false, takenBack: true });
  });
});
