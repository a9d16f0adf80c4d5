// A local that has been taken over: what it gets to see, and what it can do to the others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { App, ending } from '../support/apps.ts';
import { Depot } from '../support/depot.ts';
import { LinkSession, Type } from '../support/link-client.ts';
import { openStream } from '../support/socks-client.ts';

test('it sees no name and no stream of another local, opens none, and ends nothing that is not its own', async () => {
  await using depot = await Depot.pair();
  await using app = await App.echo();
  const { link } = await depot.server.administration.invite('evil');
  using evil = await LinkSession.join(depot.server.address.controlPort, link);
  const { control, tunnels } = evil;
  for (const id of await evil.askedFor()) await (await evil.bring(id)).next(Type.ping);

  const target = depot.target('home.depot', app.port);
  const stream = await openStream(target);
  for (let left = 20; left > 0; left -= 1) {
    const one = await openStream(target);
    one.end('a secret of somebody else');
    assert.equal(await ending(one.resume()), 'fin');
  }
  const heard = [control, ...tunnels].map((connection) => connection.heard).join('');
  assert.doesNotMatch(heard, /home|secret|echo|"open"/);
  const other = depot.server.status().locals.find(({ name }) => name === 'home');
  assert.ok(other !== undefined && !heard.includes(String(app.port)));

  // What it can say: that tunnels of others have failed, frames of streams that are not its own, a stream of its own.
  control.send(Type.control, 0, {
    type: 'tunnel-failed',
    tunnel: 'x'.repeat(43),
    failure: { code: 'internal', message: '' },
  });
  const [first, second] = tunnels;
  assert.ok(first !== undefined && second !== undefined);
  first.send(Type.data, 1, Buffer.from('for a stream that is not mine'));
  assert.equal(await first.turnedAway(), 'protocol-violation');
  second.send(Type.open, 1, {
    command: 'connect',
    destination: { host: 'home.depot', port: app.port },
    from: '192.0.2.1',
  });
  assert.equal(await second.turnedAway(), 'protocol-violation');
  stream.end('still there');
  assert.equal(await ending(stream.resume()), 'fin');
});
