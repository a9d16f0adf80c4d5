import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createServerConnector } from '../../src/client/connector.ts';
import { DepotError } from '../../src/errors.ts';
import { orAborted } from '../../src/net/dial.ts';
import type { Request } from '../../src/net/connector.ts';
import type { Tunnel } from '../../src/net/tunnel.ts';
import { BOUND, NEVER, OPEN, tunnelPair } from '../support/link.ts';

const REQUEST: Request = { ...OPEN, user: undefined, from: '127.0.0.1' };

const OPEN_MS = 30_000;

const PROGRESS = { listening: (): void => undefined };

/** An uplink that hands out these tunnels, one after the other. */
const uplinkWith = (...tunnels: readonly Tunnel[]): Parameters<typeof createServerConnector>[0] => {
  const left = [...tunnels];
  return { link: { tunnel: () => Promise.resolve(left.shift() ?? assert.fail('there is no other tunnel')) } };
};

describe('the connector of a client', () => {
  it('asks the server through a tunnel, and says nothing of who asks', async (t) => {
    const { server: near, requests } = await tunnelPair(t);
    const asked = createServerConnector(uplinkWith(near), { openMs: OPEN_MS })(
      { ...REQUEST, user: 'mallory' },
      NEVER,
      PROGRESS,
    );
    const { open, incoming } = await requests.next();
    assert.deepEqual(open, { command: 'connect', destination: OPEN.destination, from: '127.0.0.1' });
    incoming.answer({ bound: BOUND });
    assert.deepEqual((await asked).bound, BOUND);
  });

  it('takes another tunnel where the first is given up before it has answered', async (t) => {
    const [first, second] = [await tunnelPair(t), await tunnelPair(t)];
    const asked = createServerConnector(uplinkWith(first.server, second.server), { openMs: OPEN_MS })(
      REQUEST,
      NEVER,
      PROGRESS,
    );
    await first.requests.next();
    first.local.connection.close(new DepotError('stopped', 'this tunnel is not needed any more'));
    const { incoming } = await second.requests.next();
    incoming.answer({ bound: BOUND });
    assert.deepEqual((await asked).bound, BOUND);
  });

  it('passes on what the server says, and asks nobody else', async (t) => {
    const { server: near, requests } = await tunnelPair(t);
    const asked = createServerConnector(uplinkWith(near), { openMs: OPEN_MS })(REQUEST, NEVER, PROGRESS);
    const { incoming } = await requests.next();
    incoming.answer(new DepotError('not-allowed', 'no'));
    await assert.rejects(asked, { code: 'not-allowed', message: 'no' });
  });

  it('says at once that there is no connection to the server', async () => {
    await assert.rejects(createServerConnector({ link: undefined }, { openMs: OPEN_MS })(REQUEST, NEVER, PROGRESS), {
      code: 'server-away',
    });
  });

  it('does not wait for ever for a server that brings no tunnel, or does not answer on it', async (t) => {
    const { server: near } = await tunnelPair(t);
    const silent = {
      link: { tunnel: (signal: AbortSignal) => orAborted(new Promise<Tunnel>(() => undefined), signal) },
    };
    for (const uplink of [silent, uplinkWith(near)])
      await assert.rejects(createServerConnector(uplink, { openMs: 1 })(REQUEST, NEVER, PROGRESS), {
        code: 'timed-out',
      });
  });

  it('lets the app of a BIND take longer, once the server has said where it is awaited', async (t) => {
    const { server: near, requests } = await tunnelPair(t);
    const announced = Promise.withResolvers<void>();
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const asked = createServerConnector(uplinkWith(near), { openMs: OPEN_MS })({ ...REQUEST, command: 'bind' }, NEVER, {
      listening: () => announced.resolve(),
    });
    const { incoming } = await requests.next();
    incoming.listening(BOUND);
    await announced.promise;
    t.mock.timers.tick(OPEN_MS + 1);
    incoming.answer({ bound: BOUND });
    assert.deepEqual((await asked).bound, BOUND);
  });

  it('asks nobody else for the app of a BIND, once the client was told where it is awaited', async (t) => {
    const [first, second] = [await tunnelPair(t), await tunnelPair(t)];
    const announced = Promise.withResolvers<void>();
    const uplink = uplinkWith(first.server, second.server);
    const asked = createServerConnector(uplink, { openMs: OPEN_MS })({ ...REQUEST, command: 'bind' }, NEVER, {
      listening: () => announced.resolve(),
    });
    const { incoming } = await first.requests.next();
    incoming.listening(BOUND);
    await announced.promise;
    first.local.connection.close(new DepotError('stopped', 'over'));
    void second.requests.next().then(({ incoming: again }) => again.answer({ bound: BOUND }));
    await assert.rejects(asked, { code: 'connection-lost' });
  });

  it('does not try again for somebody who has gone', async (t) => {
    const { server: near, requests } = await tunnelPair(t);
    const gone = new AbortController();
    const asked = createServerConnector(uplinkWith(near), { openMs: OPEN_MS })(REQUEST, gone.signal, PROGRESS);
    await requests.next();
    gone.abort(new DepotError('aborted', 'gone'));
    near.connection.close(new DepotError('stopped', 'over'));
    await assert.rejects(asked, { code: 'aborted' });
  });
});
