import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAssociator } from '../../src/local/associate.ts';
import { Rules } from '../../src/local/rules.ts';
import { logOf } from '../../src/log.ts';
import { Descriptors } from '../../src/net/descriptors.ts';

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
