// Notices: signed, in order, tried again, and quiet about a local that only blinked.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { Log, LogMethod } from '../../src/index.ts';
import { Notices, type NoticesOptions, signatureOf } from '../../src/watch/notices.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { controlHello, LinkSession } from '../support/link-client.ts';

interface Received {
  readonly body: string;
  readonly signature: string | undefined;
}

/** A receiver that answers with `statuses` in turn, and then 204. */
const receiver = async (
  ...statuses: readonly number[]
): Promise<AsyncDisposable & { url: string; received: Received[]; events: EventEmitter }> => {
  const answers = [...statuses];
  const received: Received[] = [];
  const events = new EventEmitter();
  const server = http.createServer((request, response) => {
    void request.toArray().then((pieces) => {
      const signature = request.headers['depot-signature'];
      received.push({ body: Buffer.concat(pieces as Buffer[]).toString(), signature: signature?.toString() });
      response.writeHead(answers.shift() ?? 204).end();
      events.emit('received');
    });
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${LOOPBACK}:${port}/hook?key=hidden`,
    received,
    events,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

const nothing: LogMethod = () => undefined;
const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const noticesTo = (url: string, more: Partial<NoticesOptions> = {}): Notices =>
  new Notices({ url, secret: 'topsecret', afterMs: () => 1, log: SILENT, pausesMs: [1, 1], ...more });
const kinds = (received: readonly Received[]): string[] =>
  received.map(({ body }) => (JSON.parse(body) as { event: string }).event);

describe('notices', () => {
  it('tell that a local went away and came back, signed, and try again', async () => {
    await using hook = await receiver(500, 204);
    using notices = noticesTo(hook.url);
    notices.down('nas', 'the line is cut');
    await once(hook.events, 'received');
    await once(hook.events, 'received');
    notices.up('nas', '192.0.2.1');
    await once(hook.events, 'received');
    assert.deepEqual(kinds(hook.received), ['local-down', 'local-down', 'local-up']);
    for (const { body, signature } of hook.received) {
      const seconds = Number(/^t=(\d+),/.exec(signature ?? '')?.[1]);
      assert.equal(signature, signatureOf('topsecret', seconds, body));
    }
  });

  it('say nothing of a local that is back in time', async () => {
    await using hook = await receiver();
    using notices = noticesTo(hook.url, { afterMs: () => 60_000 });
    notices.down('nas', 'blink');
    notices.up('nas', '192.0.2.1');
    using others = noticesTo(hook.url);
    others.down('office', 'gone');
    await once(hook.events, 'received');
    assert.equal(hook.received.length, 1);
    assert.match(hook.received[0]?.body ?? '', /office/);
  });

  it('give up in the end, and log it without the URL and the secret', async () => {
    await using hook = await receiver(500, 500, 500);
    const told = Promise.withResolvers<string>();
    const warn: LogMethod = (fields, message) => told.resolve(JSON.stringify(fields) + message);
    using notices = noticesTo(hook.url, { log: { ...SILENT, warn } });
    notices.down('nas', 'the line is cut');
    const line = await told.promise;
    assert.match(line, /notice-failed.*answered 500/);
    assert.doesNotMatch(line, /hidden|topsecret|127\.0\.0\.1:/);
    assert.equal(hook.received.length, 3);
  });
});

describe('a server', () => {
  it('tells of a local that went away, and of none when it stops itself', async () => {
    await using hook = await receiver();
    using directory = tempDir();
    const webhookSecretFile = path.join(directory.path, 'secret');
    writeFileSync(webhookSecretFile, 'topsecret\n', { mode: 0o600 });
    {
      await using depot = await Depot.pair({ webhookUrl: hook.url, webhookSecretFile, webhookAfterMs: 1 });
      await depot.addLocal('nas');
      const told = once(hook.events, 'received');
      await depot.local.stop();
      await told;
    }
    assert.deepEqual(kinds(hook.received), ['local-down']);
    const [{ body, signature } = { body: '', signature: '' }] = hook.received;
    assert.match(body, /"local":"home"/);
    const seconds = Number(/^t=(\d+),/.exec(signature ?? '')?.[1]);
    assert.equal(signature, signatureOf('topsecret', seconds, body));
  });
});

describe('a server', () => {
  it('tells of no absence of a local that logged in anew before its end was known', async () => {
    await using hook = await receiver();
    await using depot = await Depot.server({ webhookUrl: hook.url, webhookAfterMs: 1 });
    const order: string[] = [];
    depot.server.events.on('localUp', () => order.push('up')).on('localDown', ({ error }) => order.push(error.code));
    const { controlPort } = depot.server.address;
    using first = await LinkSession.join(controlPort, depot.firstLink);
    using second = await LinkSession.open(controlPort, controlHello(), first.identity);
    assert.equal(await first.control.turnedAway(), 'replaced');
    assert.deepEqual(order, ['up', 'replaced', 'up']);
    const told = once(hook.events, 'received');
    second.control.socket.end();
    await told;
    assert.doesNotMatch(hook.received[0]?.body ?? '', /logged in anew/);
  });
});
