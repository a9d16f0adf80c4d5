import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { BufferPool } from '../../src/link/buffer-pool.ts';
import { Gather } from '../../src/net/gather.ts';
import { concat } from '../support/bytes.ts';
import { randomData } from '../support/endpoints.ts';

const size = fc.oneof(fc.nat(2000), fc.integer({ min: 60_000, max: 140_000 }));

describe('gathering what arrives', () => {
  it('gives back every byte in order, however it came and whenever it is taken', () => {
    const step = fc.oneof(fc.record({ push: size }), fc.constant('take' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const pool = new BufferPool();
        const gather = new Gather(pool);
        let expected: Uint8Array[] = [];
        for (const some of [...steps, 'take' as const]) {
          if (some === 'take') {
            const taken = gather.take();
            assert.ok(Buffer.from(concat(...taken)).equals(concat(...expected)));
            assert.ok(taken.every(({ length }) => length > 0));
            assert.equal(gather.bytes, 0);
            gather.recycle(taken);
            expected = [];
          } else {
            const bytes = randomData(some.push);
            expected.push(bytes);
            gather.push(bytes);
            assert.equal(gather.bytes, concat(...expected).length);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('copies at once: the memory that bytes came in may be used again', () => {
    for (const bytes of [10, 1024, 5000, 200_000]) {
      const gather = new Gather(new BufferPool());
      const arrived = randomData(bytes);
      const before = Uint8Array.from(arrived);
      gather.push(arrived);
      arrived.fill(0);
      assert.ok(Buffer.from(concat(...gather.take())).equals(before));
    }
  });

  it('uses memory again only when it was recycled', () => {
    const pool = new BufferPool();
    const gather = new Gather(pool);
    const first = randomData(100_000);
    gather.push(first);
    const held = gather.take();
    gather.push(randomData(100_000));
    const second = gather.take();
    assert.ok(Buffer.from(concat(...held)).equals(first));
    const memory = new Set(held.map(({ buffer }) => buffer));
    assert.ok(second.every(({ buffer }) => !memory.has(buffer)));
    gather.recycle(held);
    gather.push(randomData(60_000));
    assert.ok(gather.take().every(({ buffer }) => memory.has(buffer)));
  });

  it('takes little memory for little', () => {
    const gather = new Gather(new BufferPool());
    gather.push(randomData(10));
    const [piece] = gather.take();
    assert.ok(piece !== undefined && piece.buffer.byteLength <= 1024);
  });
});
