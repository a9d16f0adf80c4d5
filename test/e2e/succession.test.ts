// A server that was to be replaced, within one process: when that fails, those who looked for another one meanwhile come back
// to it with what they had; when it does not, it happens once.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { createClient, createLocal } from '../../src/index.ts';
import { DepotServer } from '../../src/server/server.ts';
import { App, echoed } from '../support/apps.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { openStream } from '../support/socks-client.ts';

/** Starts a process that answers what it hears with these scripts. */
const successor = (script: Readonly<Record<string, string>>): ChildProcess => {
  const cases = Object.entries(script).map(([type, then]) => `if (type === '${type}') ${then};`);
  const program = `process.on('message', ({ type }) => { ${cases.join(' ')} })`;
  return spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
};
const say = (message: object): string => `process.send(${JSON.stringify(message)})`;
const ready = { offer: say({ type: 'ready' }) };

test('streams of a client go on, and the last word about a local that is back is true', async () => {
  await using stack = new AsyncDisposableStack();
  const newHome = (): string => stack.use(tempDir()).path;
  const app = stack.use(await App.echo());
  const options = { home: newHome(), host: LOOPBACK, socksPort: 0, controlPort: 0, webPort: 0 };
  const server = stack.use(
    await DepotServer.start(options, {
      startSuccessor: () => successor({ ...ready, links: 'process.exit()' }),
    }),
  );
  const told: string[] = [];
  server.events.on('localUp', () => told.push('up')).on('localDown', ({ error }) => told.push(error.code));
  const { user = '', link = '' } = server.firstStart ?? {};
  const local = stack.use(await createLocal({ home: newHome(), link }));
  await once(local.events, 'connected');
  const invited = await server.administration.inviteClient(user);
  const client = stack.use(await createClient({ home: newHome(), port: 0, link: invited.link }));
  await once(client.events, 'connected');
  const stream = await openStream({ socksPort: client.address.port, host: 'home.depot', port: app.port });
  await echoed(stream, 'before');

  const back = Promise.all([once(local.events, 'connected'), once(client.events, 'connected')]);
  await assert.rejects(server.upgrade(), { code: 'conflict' });
  await back;
  assert.equal(stream.destroyed, false);
  await echoed(stream, 'after');
  assert.deepEqual(told, ['up', 'replaced', 'up']);

  // Another machine is `home` now: what the key of before still carries ends, too.
  const { link: another } = await server.administration.invite('home');
  const ended = once(stream, 'error');
  stack.use(await createLocal({ home: newHome(), link: another }));
  await ended;
  assert.deepEqual(told, ['up', 'replaced', 'up', 'replaced', 'up']);
});

test('a server that was replaced is not replaced again', async () => {
  await using stack = new AsyncDisposableStack();
  const started: ChildProcess[] = [];
  stack.defer(() => started.forEach((child) => child.kill('SIGKILL')));
  const home = stack.use(tempDir()).path;
  const options = { home, host: LOOPBACK, socksPort: 0, controlPort: 0, webPort: 0 };
  const serving = { links: say({ type: 'arrived' }), entry: say({ type: 'serving', pid: 1, version: '0.0.0' }) };
  const startSuccessor = (): ChildProcess => {
    const child = successor({ ...ready, ...serving });
    started.push(child);
    return child;
  };
  const server = stack.use(await DepotServer.start(options, { startSuccessor }));
  await server.upgrade();
  await assert.rejects(server.upgrade(), { code: 'conflict' });
  await server.stopped;
  assert.equal(started.length, 1);
});
