import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { DuplexEndpoint } from '../../src/net/duplex-endpoint.ts';
import { Collector, turns } from '../support/endpoints.ts';

test('bytes pass both ways, and each direction ends on its own', async () => {
  const [ours, theirs] = duplexPair();
  const endpoint = new DuplexEndpoint(theirs);
  const sink = new Collector();
  endpoint.readInto(sink);
  ours.end('from the app');
  await sink.ended;
  assert.equal(sink.text, 'from the app');
  const memory = Buffer.from('from the client');
  endpoint.write([memory.subarray(0, 5), memory.subarray(5)], () => memory.fill(0));
  endpoint.end();
  assert.equal(Buffer.concat(await ours.toArray()).toString(), 'from the client');
  await turns();
  assert.ok(!sink.log.includes('reset'));
});

test('what has not been taken holds back the app', async () => {
  const [ours, theirs] = duplexPair({ highWaterMark: 1024 });
  const sink = new Collector({ hold: true });
  new DuplexEndpoint(theirs).readInto(sink);
  for (let piece = 0; piece < 100; piece += 1) ours.write(Buffer.alloc(1024));
  await turns(20);
  assert.equal(sink.chunks.length, 1);
  assert.ok(ours.writableLength > 90 * 1024, `${ours.writableLength} wait in the app`);
});

test('an app that breaks off is an abort, with its reason', async () => {
  const [, theirs] = duplexPair();
  const sink = new Collector();
  new DuplexEndpoint(theirs).readInto(sink);
  theirs.destroy(new Error('no more paper'));
  const error = await sink.wasReset;
  assert.equal(error.code, 'aborted');
  assert.equal(error.message, 'no more paper');
});

test('one that is gone before anybody reads is an abort, too', async () => {
  const [, theirs] = duplexPair();
  const endpoint = new DuplexEndpoint(theirs.destroy());
  await turns();
  const sink = new Collector();
  endpoint.readInto(sink);
  assert.equal((await sink.wasReset).code, 'aborted');
});

test('an abort of the client destroys the stream, and nobody hears of it twice', async () => {
  const [, theirs] = duplexPair();
  const sink = new Collector();
  const endpoint = new DuplexEndpoint(theirs);
  endpoint.readInto(sink);
  const closed = new Promise((resolve) => theirs.once('close', resolve));
  endpoint.reset(new DepotError('aborted', 'the client went away'));
  await closed;
  await turns();
  assert.deepEqual(sink.log, []);
});
