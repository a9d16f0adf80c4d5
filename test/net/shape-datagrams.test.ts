import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bucket } from '../../src/net/bucket.ts';
import type { DatagramEndpoint, DatagramSink } from '../../src/net/datagrams.ts';
import { shapeDatagrams } from '../../src/net/shape-datagrams.ts';

const TO = { host: '10.0.0.1', port: 53 };

/** Counts what reaches it. */
class FakeDatagrams implements DatagramEndpoint {
  sink: DatagramSink | undefined;
  dropped = 0;
  bytes = 0;
  ended = false;
  readInto(sink: DatagramSink): void {
    this.sink = sink;
  }
  send(data: Uint8Array): void {
    this.bytes += data.length;
  }
  end(): void {
    this.ended = true;
  }
}

const limit = (rate: number, now: () => number): { readonly up: Bucket; readonly down: Bucket } => ({
  up: new Bucket(rate, now),
  down: new Bucket(rate, now),
});

describe('datagrams under a limit', () => {
  it('are the very same endpoint where there is none', () => {
    const inner = new FakeDatagrams();
    assert.equal(shapeDatagrams(inner, []), inner);
  });

  it('get their rate in each direction, and what is over is dropped and counted', () => {
    let now = 0;
    const inner = new FakeDatagrams();
    const client = new FakeDatagrams();
    const endpoint = shapeDatagrams(inner, [limit(100_000, () => now)]);
    endpoint.readInto(client);
    for (; now < 1000; now += 1) {
      endpoint.send(new Uint8Array(1000), TO);
      inner.sink?.send(new Uint8Array(500), TO);
    }
    for (const [what, { bytes }] of Object.entries({ up: inner, down: client }))
      assert.ok(bytes >= 95_000 && bytes <= 106_000, `${bytes} ${what}`);
    assert.equal(endpoint.dropped, 2000 - inner.bytes / 1000 - client.bytes / 500);
  });

  it('larger than a burst pass, and are paid for', () => {
    let now = 0;
    const inner = new FakeDatagrams();
    const endpoint = shapeDatagrams(inner, [limit(1000, () => now)]);
    for (; now < 10_000; now += 10) endpoint.send(new Uint8Array(1200), TO);
    assert.ok(inner.bytes >= 8 * 1200 && inner.bytes <= 10 * 1200, `${inner.bytes}`);
  });

  it('pay in no bucket where one of several has no room', () => {
    const wide = limit(1e6, () => 0);
    const narrow = limit(10, () => 0);
    const endpoint = shapeDatagrams(new FakeDatagrams(), [wide, narrow]);
    for (let index = 0; index < 1000; index += 1) endpoint.send(new Uint8Array(1000), TO);
    assert.equal(endpoint.dropped, 999);
    assert.equal(wide.up.reserve(49_000), 0);
  });

  it('share a bucket with streams that wait: neither gets nothing, both together get the rate', () => {
    let now = 0;
    const shared = limit(100_000, () => now);
    const inner = new FakeDatagrams();
    const endpoint = shapeDatagrams(inner, [shared]);
    const streams = [1, 2, 3].map(() => ({ bytes: 0, slice: 0, until: 0, waits: false }));
    for (; now < 10_000; now += 1) {
      for (const stream of streams) {
        if (stream.until > now) continue;
        if (stream.waits) shared.up.stopsWaiting();
        stream.bytes += stream.slice;
        stream.slice = shared.up.sliceBytes;
        stream.until = now + shared.up.reserve(stream.slice);
        stream.waits = stream.until > now;
        if (stream.waits) shared.up.waits();
      }
      endpoint.send(new Uint8Array(1000), TO);
    }
    const all = [inner.bytes, ...streams.map(({ bytes }) => bytes)];
    for (const bytes of all) assert.ok(bytes >= 100_000, all.join(' '));
    const sum = all.reduce((total, bytes) => total + bytes, 0);
    assert.ok(sum >= 950_000 && sum <= 1_020_000, `${sum}`);
  });

  it('end where the endpoint ends', () => {
    const inner = new FakeDatagrams();
    const client = new FakeDatagrams();
    const endpoint = shapeDatagrams(inner, [limit(1, () => 0)]);
    endpoint.readInto(client);
    inner.sink?.end();
    endpoint.end();
    assert.deepEqual([client.ended, inner.ended], [true, true]);
  });
});
