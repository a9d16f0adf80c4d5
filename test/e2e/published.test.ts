// Published ports: a program that knows nothing of proxies, on either side, and who must not get in.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type ServerStatus } from '../../src/index.ts';
import { App, collect, ending } from '../support/apps.ts';
import { Depot, LOOPBACK, serverIn, tempDir } from '../support/depot.ts';
import { run } from '../support/programs.ts';
import { startSshd } from '../support/sshd.ts';

const portOf = ({ published }: Pick<ServerStatus, 'published'>, index = 0): number =>
  Number(published[index]?.listen.split(':').pop());

const dial = async (port: number): Promise<net.Socket> => {
  const socket = net.connect({ host: LOOPBACK, port, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
};

/** What an echo says through a published port. */
const echoed = async (port: number, text: string): Promise<string> => {
  const socket = await dial(port);
  const answer = collect(socket);
  socket.end(text);
  return String(await answer);
};

describe('published ports', () => {
  let depot: Depot;
  let app: App;
  before(async () => {
    app = await App.echo();
    const to = `home.depot:${app.port}`;
    depot = await Depot.pair({
      publish: [
        { listen: 0, to },
        { listen: 0, to, from: ['127.0.0.0/8'], user: 'bob' },
        { listen: 0, to, from: ['203.0.113.0/24', '::1'] },
        { listen: 0, to: `home.depot:${await App.closedPort()}` },
        { listen: 0, to, user: 'nobody' },
      ],
    });
    await depot.addUser('bob');
  });
  after(async () => {
    await depot[Symbol.asyncDispose]();
    await app[Symbol.asyncDispose]();
  });

  test('lead to their target, and each direction ends on its own', async () => {
    assert.equal(await echoed(portOf(depot.server.status()), 'hello'), 'hello');
  });

  test('are streams like all others, of the user that they name', async () => {
    const ended = once(depot.server.events, 'streamEnd');
    await echoed(portOf(depot.server.status(), 1), 'hello');
    const [{ user, from, local, target }] = (await ended) as [Record<string, unknown>];
    assert.deepEqual(
      { user, from, local, target },
      { user: 'bob', from: LOOPBACK, local: 'home', target: { host: 'home.depot', port: app.port } },
    );
  });

  test('let in nobody who is not on their list', async () => {
    let streams = 0;
    depot.server.events.on('streamStart', () => (streams += 1));
    const socket = net.connect({ host: LOOPBACK, port: portOf(depot.server.status(), 2) });
    assert.equal(await ending(socket), 'rst');
    assert.equal(streams, 0);
  });

  test('abort where there is no app, or no such user', async () => {
    for (const index of [3, 4]) {
      const socket = net.connect({ host: LOOPBACK, port: portOf(depot.server.status(), index) });
      assert.equal(await ending(socket), 'rst');
    }
  });

  test('are there on a client, as its user', async () => {
    const client = await depot.addClient('bob', {
      publish: [{ listen: 0, to: `home.depot:${app.port}` }],
    });
    const ended = once(depot.server.events, 'streamEnd');
    assert.equal(await echoed(portOf(client.status()), 'from the laptop'), 'from the laptop');
    const [{ user }] = (await ended) as [{ user: string }];
    assert.equal(user, 'bob');
  });

  test('serve OpenSSH', async () => {
    using directory = tempDir();
    await using sshd = await startSshd(directory.path, 'home.depot');
    const to = `home.depot:${sshd.port}`;
    const client = await depot.addClient('bob', { publish: [{ listen: 0, to }] });
    // The first of two settings is the one that counts.
    const options = [`Port=${portOf(client.status())}`, ...sshd.settings].flatMap((setting) => ['-o', setting]);
    const { code, stdout, stderr } = await run('ssh', ['-F', 'none', ...options, LOOPBACK, 'cat'], {
      input: 'through',
    });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'through');
  });
});

describe('a published port that would be open to others', () => {
  const to = 'home.depot:22';
  test('has to say to whom', async () => {
    using home = tempDir();
    const start = (publish: object): Promise<unknown> =>
      serverIn(home.path, {
        host: '0.0.0.0',
        socksHost: LOOPBACK,
        publish: [
          { listen: 0, to },
          { listen: 0, to, ...publish },
        ],
      });
    await assert.rejects(start({ host: '0.0.0.0' }), /publish\[1\]\.from: .*no password.*"0\.0\.0\.0\/0", "::\/0"/);
    await assert.rejects(start({ host: '::' }), /publish\[1\]\.from/);
    await using server = (await start({ host: '0.0.0.0', from: ['0.0.0.0/0', '::/0'] })) as AsyncDisposable;
    assert.ok(server);
  });

  test('leaves nothing open where another one is taken', async () => {
    await using taken = await App.echo();
    using home = tempDir();
    const free = await App.closedPort();
    const started = serverIn(home.path, {
      publish: [
        { listen: free, to },
        { listen: taken.port, to },
      ],
    });
    await assert.rejects(started, new RegExp(`published port ${taken.port}.*--publish`));
    await assert.rejects(dial(free), { code: 'ECONNREFUSED' });
  });
});
