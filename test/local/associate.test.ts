import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DepotError } from '../../src/errors.ts';
import { createAssociator } from '../../src/local/associate.ts';
import { Rules } from '../../src/local/rules.ts';
import { logOf } from '../../src/log.ts';
import { Descriptors } from '../../src/net/descriptors.ts';
import { LOOPBACK } from '../support/depot.ts';
import { udpEcho } from '../support/udp.ts';

test('a name that could not be looked up is looked up again soon, while datagrams go there', async () => {
  await using echo = await udpEcho();
  let lookups = 0;
  const associate = createAssociator({
    rules: new Rules([]),
    resolve: async () => {
      lookups += 1;
      if (lookups === 1) throw new DepotError('name-unknown', 'the resolver is away');
      return [LOOPBACK];
    },
    descriptors: new Descriptors(logOf(undefined, 'info')),
    settings: { udpQueueBytes: 64 * 1024, udpDestinationsMax: 10 },
    onRefused: () => undefined,
  });
  const destination = { host: 'nas.lan', port: echo.port };
  const request = { command: 'associate', destination, user: undefined, from: '192.0.2.1' } as const;
  const connection = await associate(request, new AbortController().signal, { listening: () => undefined });
  assert.ok(connection.kind === 'datagrams');
  const { datagrams } = connection;
  const answers: string[] = [];
  datagrams.readInto({ send: (data) => void answers.push(Buffer.from(data).toString()), end: () => undefined });
  for (let tries = 0; answers.length === 0 && tries < 100; tries += 1) {
    datagrams.send(Buffer.from('hello'), destination);
    await sleep(50);
  }
  datagrams.end();
  assert.equal(answers[0], 'hello');
  assert.equal(lookups, 2);
});

test('empty datagrams that wait for a name are bounded as full ones are', async () => {
  const associate = createAssociator({
    rules: new Rules([]),
    resolve: () => new Promise<never>(() => undefined),
    descriptors: new Descriptors(logOf(undefined, 'info')),
    settings: { udpQueueBytes: 64 * 1024, udpDestinationsMax: 10 },
    onRefused: () => undefined,
  });
  const destination = { host: 'nas.lan', port: 53 };
  const request = { command: 'associate', destination, user: undefined, from: '192.0.2.1' } as const;
  const connection = await associate(request, new AbortController().signal, {
    listening: () => undefined,
  });
  assert.ok(connection.kind === 'datagrams');
  for (let left = 10_000; left > 0; left -= 1) connection.datagrams.send(new Uint8Array(), destination);
  assert.ok(connection.datagrams.dropped > 8900, `${connection.datagrams.dropped} of 10 000 were dropped`);
  connection.datagrams.end();
});
