import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { logOf } from '../../src/log.ts';
import { Descriptors } from '../../src/net/descriptors.ts';
import { type Asker, Streams } from '../../src/net/streams.ts';
import type { StreamEnd } from '../../src/net/streams.ts';
import { FakeEndpoint, turns } from '../support/endpoints.ts';

const REQUEST = {
  command: 'connect',
  destination: { host: 'nas.depot', port: 80 },
  user: 'alice',
  from: '127.0.0.1',
} as const;
const SILENT = logOf(undefined, 'error');
const OPTIONS = { settings: { udpIdleMs: 1000, streamsMax: 1 }, descriptors: new Descriptors(SILENT) };
const BOUND = { host: '127.0.0.1', port: 1 };

const collectGarbage = (): void => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
};

/** Streams to one app, and how they ended. */
const setUp = (): { readonly app: FakeEndpoint; readonly streams: Streams; readonly ends: StreamEnd[] } => {
  const app = new FakeEndpoint();
  const ends: StreamEnd[] = [];
  const streams = new Streams(() => Promise.resolve({ kind: 'stream', bound: BOUND, stream: app }), OPTIONS, {
    onEnd: (end) => ends.push(end),
  });
  return { app, streams, ends };
};

describe('a stream that runs', () => {
  it('keeps nothing of who asked for it, however long it runs', async () => {
    const { app, streams, ends } = setUp();
    const client = new FakeEndpoint();
    const begin = async (): Promise<WeakRef<Asker>> => {
      const asker: Asker = { stream: client, signal: new AbortController().signal, answer: () => undefined };
      await streams.carry(REQUEST, asker);
      return new WeakRef(asker);
    };
    const asker = await begin();
    await turns();
    collectGarbage();
    assert.equal(asker.deref(), undefined);
    assert.equal(streams.size, 1);
    await client.give('still here');
    assert.equal(app.text, 'still here');
    client.sink.end();
    app.sink.end();
    await turns();
    assert.deepEqual(
      ends.map(({ bytesUp, error }) => [bytesUp, error]),
      [[10, undefined]],
    );
  });

  it('tells who asked, where that was wanted, when it is over and not before', async () => {
    const { app, streams } = setUp();
    const client = new FakeEndpoint();
    const told: string[] = [];
    await streams.carry(REQUEST, {
      stream: client,
      signal: new AbortController().signal,
      answer: () => told.push('answer'),
      onEnded: () => told.push('ended'),
    });
    assert.deepEqual(told, ['answer']);
    client.sink.end();
    app.sink.end();
    await turns();
    assert.deepEqual(told, ['answer', 'ended']);
  });

  it('is over in the count when what hears of its end fails', async () => {
    const app = new FakeEndpoint();
    const client = new FakeEndpoint();
    const failure = new Error('a listener failed');
    const unforeseen: unknown[] = [];
    const streams = new Streams(() => Promise.resolve({ kind: 'stream', bound: BOUND, stream: app }), OPTIONS, {
      onEnd: () => {
        throw failure;
      },
      onUnforeseen: (error) => unforeseen.push(error),
    });
    await streams.carry(REQUEST, {
      stream: client,
      signal: new AbortController().signal,
      answer: () => undefined,
    });
    client.sink.end();
    app.sink.end();
    await streams.idle();
    assert.deepEqual([unforeseen, streams.size], [[failure], 0]);
  });
});
