import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { DepotError } from '../../src/errors.ts';
import { Bucket } from '../../src/net/bucket.ts';
import { shape } from '../../src/net/shape.ts';
import { Collector, FakeEndpoint, feed, randomData, sha256, turns } from '../support/endpoints.ts';

/** What a bucket may save up, in milliseconds of its rate. */
const BURST_MS = 50;

describe('a bucket', () => {
  it('lets a burst of 50 ms pass at once, and then its rate', () => {
    let now = 1000;
    const bucket = new Bucket(1000, () => now);
    assert.deepEqual([bucket.reserve(50), bucket.reserve(10), bucket.reserve(10)], [0, 10, 20]);
    now += 20;
    assert.equal(bucket.reserve(10), 10);
  });

  it('saves up no more however long it rests', () => {
    let now = 0;
    const bucket = new Bucket(1000, () => now);
    now = 1e9;
    assert.deepEqual([bucket.reserve(50), bucket.reserve(1)], [0, 1]);
  });

  it('takes a new rate from then on', () => {
    const bucket = new Bucket(1000, () => 0);
    bucket.reserve(50);
    bucket.bytesPerSecond = 100;
    assert.deepEqual([bucket.reserve(10), bucket.sliceBytes], [100, 256]);
    bucket.bytesPerSecond = Number.POSITIVE_INFINITY;
    assert.equal(bucket.reserve(1e9), 100);
  });

  it('never lets more through in any span of time than its rate and one burst', () => {
    const steps = fc.array(fc.tuple(fc.nat(50), fc.nat(200)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 100, max: 5000 }), (given, rate) => {
        let now = 0;
        const bucket = new Bucket(rate, () => now);
        const passed = given.map(([bytes, pauseMs]) => {
          now += pauseMs;
          const size = Math.min(bytes, Math.floor((rate * BURST_MS) / 1000));
          return { at: now + bucket.reserve(size), size };
        });
        for (const [index, first] of passed.entries()) {
          let sum = 0;
          for (const { at, size } of passed.slice(index)) {
            sum += size;
            assert.ok(sum <= (rate * (at - first.at + BURST_MS)) / 1000 + first.size + 1e-6);
          }
        }
      }),
    );
  });
});

/** Time that passes when the test says so. */
const clock = (t: TestContext): { readonly now: () => number; readonly pass: (ms: number) => Promise<void> } => {
  let now = 0;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  return {
    now: () => now,
    pass: async (ms) => {
      for (let step = 0; step < ms; step += 1) {
        now += 1;
        t.mock.timers.tick(1);
      }
      await turns();
    },
  };
};

describe('a shaped endpoint', () => {
  it('is the very same one where there is no limit', () => {
    const inner = new FakeEndpoint();
    assert.equal(shape(inner, []), inner);
  });

  it('lets each direction have the rate, and makes the giver wait', async (t) => {
    const { now, pass } = clock(t);
    const inner = new FakeEndpoint();
    const down = new Collector();
    const endpoint = shape(inner, [{ up: new Bucket(100_000, now), down: new Bucket(50_000, now) }]);
    endpoint.readInto(down);
    let taken = false;
    endpoint.write([randomData(20_000)], () => {
      taken = true;
    });
    inner.sink.write([randomData(60_000)], () => undefined);
    await pass(100);
    assert.ok(inner.bytes >= 10_000 && inner.bytes <= 15_000, `${inner.bytes} up`);
    assert.ok(down.bytes >= 5000 && down.bytes <= 7500, `${down.bytes} down`);
    assert.equal(taken, false);
    await pass(100);
    assert.equal(inner.bytes, 20_000);
    assert.equal(taken, true);
    assert.ok(down.bytes <= 12_500, `${down.bytes} down`);
  });

  it('is as slow as the slowest of several, and shares what is shared', async (t) => {
    const { now, pass } = clock(t);
    const shared = { up: new Bucket(100_000, now), down: new Bucket(100_000, now) };
    const own = { up: new Bucket(1e9, now), down: new Bucket(1e9, now) };
    const ends = [new FakeEndpoint(), new FakeEndpoint()];
    for (const end of ends) shape(end, [own, shared]).write([randomData(100_000)], () => undefined);
    await pass(500);
    const [first = 0, second = 0] = ends.map(({ bytes }) => bytes);
    assert.ok(first + second >= 45_000 && first + second <= 55_000, `${first} and ${second}`);
    assert.ok(Math.abs(first - second) <= 10_000, `${first} and ${second}`);
  });

  it('changes nothing of what passes, nor its end', async () => {
    const inner = new FakeEndpoint();
    const bucket = (): Bucket => new Bucket(50_000_000);
    const data = randomData(3_000_000);
    await feed(shape(inner, [{ up: bucket(), down: bucket() }]), data, 700_001);
    await inner.ended;
    assert.equal(sha256(...inner.chunks), sha256(data));
  });

  it('passes an end on after the bytes that still wait', async (t) => {
    const { now, pass } = clock(t);
    const inner = new FakeEndpoint();
    const down = new Collector();
    const endpoint = shape(inner, [{ up: new Bucket(10_000, now), down: new Bucket(10_000, now) }]);
    endpoint.readInto(down);
    endpoint.write([randomData(2000)], () => undefined);
    endpoint.end();
    inner.sink.write([randomData(2000)], () => undefined);
    inner.sink.end();
    assert.ok(!inner.log.includes('end') && !down.log.includes('end'));
    await pass(300);
    assert.deepEqual([inner.bytes, inner.log.at(-1)], [2000, 'end']);
    assert.deepEqual([down.bytes, down.log.at(-1)], [2000, 'end']);
  });

  it('gives nothing more once it was aborted, by either side', async (t) => {
    const { now, pass } = clock(t);
    for (const abort of ['ours', 'theirs']) {
      const inner = new FakeEndpoint();
      const down = new Collector();
      const endpoint = shape(inner, [{ up: new Bucket(1000, now), down: new Bucket(1000, now) }]);
      endpoint.readInto(down);
      endpoint.write([randomData(10_000)], () => undefined);
      inner.sink.write([randomData(10_000)], () => undefined);
      const error = new DepotError('aborted', 'over');
      if (abort === 'ours') endpoint.reset(error);
      else inner.sink.reset(error);
      const before = [inner.bytes, down.bytes];
      await pass(2000);
      assert.deepEqual([inner.bytes, down.bytes], before);
      assert.deepEqual(abort === 'ours' ? inner.log.at(-1) : down.log.at(-1), 'reset');
    }
  });
});
