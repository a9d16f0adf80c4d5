// Groups of locals, and what happens to a request whose local turns out to be gone: the next one is asked.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { DepotError } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { Depot, type Login, LOOPBACK, serverIn, tempDir } from '../support/depot.ts';
import { LinkSession, Type } from '../support/link-client.ts';
import { handshake, openStream } from '../support/socks-client.ts';

const GROUPS = { homes: { locals: ['nas', 'pi'], policy: 'first' } } as const;
/** Says at which address it was reached. */
const whereApp = (): Promise<App> => App.listen((socket) => socket.end(socket.localAddress ?? ''), '0.0.0.0');

/** A local whose own loopback is `address`. */
const addLocal = (depot: Depot, name: string, address: string) =>
  depot.addLocal(name, { resolve: async (host) => [host === LOOPBACK ? LOOPBACK : address] });

const reached = async (depot: Depot, port: number, host: string, login: Login = depot.login): Promise<string> => {
  const [wire, { reply }] = await handshake(depot.target(host, port, login));
  using _ = wire;
  return reply === 0 ? (await wire.rest()).toString() : `REP ${reply}`;
};

/** A local of this name that is welcome, and never does anything again. */
const joinSilently = async (depot: Depot, name: string): Promise<LinkSession> => {
  const { link } = await depot.server.administration.invite(name);
  return LinkSession.join(depot.server.address.controlPort, link, [2, 1]);
};

describe('a group', () => {
  test('is reached by host and by user name, and by its next local when the first is away', async () => {
    await using app = await whereApp();
    await using depot = await Depot.server({
      groups: { homes: { ...GROUPS.homes, locals: [...GROUPS.homes.locals] } },
    });
    const nas = await addLocal(depot, 'nas', '127.0.0.2');
    await addLocal(depot, 'pi', '127.0.0.3');
    assert.equal(await reached(depot, app.port, 'homes.depot'), '127.0.0.2');
    assert.equal(await reached(depot, app.port, 'x.homes.depot'), '127.0.0.2');
    const viaName = { ...depot.login, user: `${depot.login.user}+homes` };
    assert.equal(await reached(depot, app.port, 'x', viaName), '127.0.0.2');
    const down = once(depot.server.events, 'localDown');
    await nas.stop();
    await down;
    assert.equal(await reached(depot, app.port, 'homes.depot'), '127.0.0.3');
  });

  test('gives a new stream to the least busy', async () => {
    await using app = await App.echo('0.0.0.0');
    await using depot = await Depot.server({ groups: { labs: { locals: ['nas', 'pi'], policy: 'least-busy' } } });
    await addLocal(depot, 'nas', '127.0.0.2');
    await addLocal(depot, 'pi', '127.0.0.3');
    const target = depot.target('labs.depot', app.port);
    const sockets = [
      await openStream(target),
      await openStream(target),
      await openStream(target),
      await openStream(target),
    ];
    const { locals } = depot.server.status();
    assert.deepEqual(
      locals.map(({ name, streams }) => [name, streams]),
      [
        ['nas', 2],
        ['pi', 2],
      ],
    );
    for (const socket of sockets) socket.destroy();
  });

  test('has its next local asked when the first dies while the request is on its way', async () => {
    await using app = await whereApp();
    await using depot = await Depot.server({ groups: { homes: { locals: ['nas', 'pi'], policy: 'first' } } });
    using dying = await joinSilently(depot, 'nas');
    await addLocal(depot, 'pi', '127.0.0.3');
    const answer = reached(depot, app.port, 'homes.depot');
    // The request has reached the local once it is asked to bring a tunnel for it.
    while (!(await dying.control.next(Type.control)).payload.includes('"request"'));
    dying.control.socket.destroy();
    assert.equal(await answer, '127.0.0.3');
  });

  test("has its next local asked when the first never answers, as have the locals of a user's list", async () => {
    await using app = await whereApp();
    await using depot = await Depot.server({ openMs: 200 });
    using _dead = await joinSilently(depot, 'nas');
    await addLocal(depot, 'pi', '127.0.0.3');
    const login = await depot.addUser('alice', ['nas', 'pi']);
    assert.equal(await reached(depot, app.port, 'x', login), '127.0.0.3');
    assert.equal(await reached(depot, app.port, 'nas.depot', login), 'REP 1');
  });

  test('does not have a second local asked for what the app itself refused', async () => {
    await using depot = await Depot.server({ groups: { homes: { locals: ['nas', 'pi'], policy: 'first' } } });
    await addLocal(depot, 'nas', '127.0.0.2');
    const pi = await addLocal(depot, 'pi', '127.0.0.3');
    let asked = 0;
    pi.events.on('streamStart', () => {
      asked += 1;
    });
    assert.equal(await reached(depot, await App.closedPort(), 'homes.depot'), 'REP 5');
    assert.equal(asked, 0);
  });

  test('and a local cannot have the same name', async () => {
    await using depot = await Depot.server({ groups: { homes: { locals: ['nas'], policy: 'first' } } });
    await assert.rejects(
      depot.server.administration.invite('homes'),
      (error) => error instanceof DepotError && error.code === 'conflict',
    );
    using home = tempDir();
    const start = (groups: object) => {
      writeFileSync(path.join(home.path, 'config.json'), JSON.stringify({ groups }));
      return serverIn(home.path);
    };
    {
      await using server = await start({});
      const { link } = await server.administration.invite('nas');
      using _ = await LinkSession.join(server.address.controlPort, link);
    }
    await assert.rejects(start({ nas: { locals: ['pi'] } }), /a local and a group called nas/);
    await assert.rejects(start({ a: { locals: ['b'] }, b: { locals: ['pi'] } }), /Group a has b among its locals/);
    await assert.rejects(start({ a: { locals: [] } }), /config\.json: groups\.a\.locals/);
    await assert.rejects(start({ a: { locals: ['b'], polcy: 'first' } }), /groups\.a: .*polcy/);
  });
});
