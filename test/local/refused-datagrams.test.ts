// However many destinations somebody names, they do not fill the disk of a local.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { RefusedDatagrams } from '../../src/local/refused-datagrams.ts';
import { recordedLog } from '../support/recorded-log.ts';

test('refused destinations have a line each, 300 a minute, 10 of them for one host; the rest is counted', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, lines } = recordedLog();
  using refused = new RefusedDatagrams(log);
  const forbidden = new DepotError('not-allowed', 'no rule');
  for (let port = 1; port <= 1000; port += 1) refused.add(forbidden, { host: '10.0.0.1', port });
  assert.equal(lines.length, 10);
  for (let number = 0; number < 10_000; number += 1)
    refused.add(forbidden, { host: `10.1.${number >> 8}.${number & 255}`, port: 53 });
  assert.equal(lines.length, 300);
  refused.add(new DepotError('name-unknown', 'no such name'), { host: 'nowhere', port: 53 });
  assert.equal(lines.length, 301, 'another kind is not drowned');
  t.mock.timers.tick(60_000);
  assert.deepEqual(lines[301]?.[0], { event: 'datagrams-refused-more', code: 'not-allowed', count: 10_700 });
});
