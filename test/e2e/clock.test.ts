// A clock that is set, forward by a day and back by two: nothing that measures time may notice.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { App, ending } from '../support/apps.ts';
import { Depot } from '../support/depot.ts';
import { handshake, openStream } from '../support/socks-client.ts';

const DAY_MS = 86_400_000;
const BEAT_MS = 50;

test('a clock that jumps by a day, forward and back, changes nothing but stamps', async (t) => {
  const start = Date.now();
  t.mock.timers.enable({ apis: ['Date'], now: start });
  const timers = { heartbeatMs: BEAT_MS, deadAfterMs: BEAT_MS * 20, drainMs: 60_000 };
  await using depot = await Depot.pair(timers, { ...timers, reconnectMaxMs: 1000 });
  await using app = await App.echo();
  const { server, local } = depot;
  const target = depot.target('home.depot', app.port);
  local.events.on('disconnected', () => assert.fail('the link was lost'));
  const stream = await openStream(target);
  const exchange = async (): Promise<void> => {
    const one = await openStream(target);
    one.end(Buffer.alloc(5000));
    assert.equal(await ending(one.resume()), 'fin');
  };
  const beats = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, BEAT_MS * 30);
    await promise;
  };
  await exchange();
  const [wire, { reply }] = await handshake({ ...target, host: 'nobody.depot' });
  wire[Symbol.dispose]();
  assert.equal(reply, 1);
  const failuresOf = (): readonly (readonly [string, number])[] =>
    server.watcher.failures().map(({ code, count }) => [code, count]);
  const movedOf = (): number => server.watcher.traffic().up.reduce((sum, bytes) => sum + bytes, 0);
  await beats();
  const before = { failures: failuresOf(), moved: movedOf() };
  assert.deepEqual(before.failures, [['no-such-local', 1]]);
  assert.ok(before.moved >= 5000);
  const { since } = local.status();

  for (const jump of [DAY_MS, -2 * DAY_MS]) {
    t.mock.timers.setTime(Date.now() + jump);
    await beats();
    assert.equal(local.status().since, since, 'the session is the same');
    assert.deepEqual(failuresOf(), before.failures);
    assert.ok(movedOf() >= before.moved, 'what has flowed is still there');
    assert.ok(Math.abs(server.watcher.traffic().until - Date.now()) < 5000, 'and ends now, by the clock as it is');
    await exchange();
    stream.write('?');
    await once(stream.resume(), 'data');
  }
  const ended = once(server.events, 'streamEnd');
  stream.end();
  const [{ durationMs }] = (await ended) as [{ durationMs: number }];
  assert.ok(durationMs > 0 && durationMs < DAY_MS / 24, `${durationMs} ms`);
});
