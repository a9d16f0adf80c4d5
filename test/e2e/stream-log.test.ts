// The log of streams: a line when one lasts, one when it is over, with the fields of docs/logging.md.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { App } from '../support/apps.ts';
import { Depot } from '../support/depot.ts';
import { type Line, recordedLog } from '../support/recorded-log.ts';
import { handshake, type Wire } from '../support/socks-client.ts';

test('a stream that lasts has a line at its start, one that is over at once has none', async () => {
  const { log, events, names } = recordedLog();
  await using depot = await Depot.pair({ log });
  await using app = await App.echo();
  const open = async (): Promise<Wire> => (await handshake(depot.target('home.depot', app.port)))[0];
  const short = await open();
  short.finish(Buffer.from('bye'));
  await short.rest();
  const lasts = once(events, 'stream-start');
  const long = await open();
  const [start] = (await lasts) as Line;
  const over = once(events, 'stream-end');
  long.finish(Buffer.from('hello'));
  await long.rest();
  const [end] = (await over) as Line;
  assert.deepEqual([start['id'], start['user'], start['local'], start['state']], [2, 'owner', 'home', 'open']);
  assert.deepEqual([end['id'], end['reply'], end['bytesUp'], end['bytesDown'], end['code']], [2, 0, 5, 5, undefined]);
  assert.equal(names().filter((name) => name === 'stream-start').length, 1);

  const documented = readFileSync(path.join(import.meta.dirname, '../../docs/logging.md'), 'utf8');
  for (const fields of [start, end])
    for (const name of Object.keys(fields)) assert.ok(documented.includes(`\`${name}\``), name);
});
