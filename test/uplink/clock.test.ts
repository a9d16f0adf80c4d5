// What a local knows of the server's clock: told once, in the welcome, and right for as long as the session lasts.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Depot } from '../support/depot.ts';

const HOUR_MS = 3_600_000;

test('a local knows how far its clock is ahead of the server, and when it has been set', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  await using depot = await Depot.pair();
  const { local } = depot;
  const ahead = (): number | null => local.status().clockAheadMs;
  assert.equal(ahead(), 0);
  const then = Date.now();
  t.mock.timers.setTime(then + HOUR_MS);
  assert.equal(ahead(), HOUR_MS);
  t.mock.timers.setTime(then - 2 * HOUR_MS);
  assert.equal(ahead(), -2 * HOUR_MS);
  const gone = once(local.events, 'disconnected');
  await depot.server.stop();
  await gone;
  assert.equal(ahead(), null);
});
