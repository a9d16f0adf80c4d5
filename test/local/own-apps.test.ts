// An app that a program has inside itself: asked first, and what it does not want is dialed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import type { AppRequest } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { Depot } from '../support/depot.ts';
import { handshake } from '../support/socks-client.ts';

test('an app of the program, refusals of its own, and the rest dialed', async () => {
  const asked: AppRequest[] = [];
  await using depot = await Depot.pair(
    {},
    {
      connectApp: (request) => {
        asked.push(request);
        const { port } = request.destination;
        if (port === 1) return new PassThrough();
        if (port === 2) throw new DepotError('host-unreachable', 'not today');
        if (port === 3) throw new TypeError('a mistake');
        return undefined;
      },
    },
  );
  await using echo = await App.echo();
  const replies: number[] = [];
  for (const port of [1, 2, 3, echo.port]) {
    const [wire, { reply }] = await handshake(depot.target('home.depot', port));
    wire[Symbol.dispose]();
    replies.push(reply);
  }
  assert.deepEqual(replies, [0, 4, 1, 0]);
  assert.deepEqual(asked[0], { destination: { host: 'localhost', port: 1 }, user: 'owner', from: '127.0.0.1' });
});

test('an app of the program that never answers keeps the local from nothing', async () => {
  const made = Promise.withResolvers<PassThrough>();
  await using depot = await Depot.pair({}, { connectApp: () => made.promise });
  const begun = once(depot.local.events, 'streamStart');
  const open = handshake(depot.target('home.depot', 1));
  await begun;
  await depot.local.stop();
  const [wire, { reply }] = await open;
  wire[Symbol.dispose]();
  assert.equal(reply, 1);
  // It comes after all, and nobody wants it.
  const late = new PassThrough();
  made.resolve(late);
  await once(late, 'close');
});
