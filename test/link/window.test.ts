import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { INITIAL_WINDOW_BYTES } from '../../src/link/frames.ts';
import { ReceiveWindow, WindowBudget } from '../../src/link/window.ts';

const MIB = 1024 * 1024;
const HALF = INITIAL_WINDOW_BYTES / 2;

const wide = (): { readonly maxBytes: number; readonly budget: WindowBudget } => ({
  maxBytes: 8 * MIB,
  budget: new WindowBudget(256 * MIB),
});

describe('the window of a receiver', () => {
  it('takes as much as was granted and not a byte more', () => {
    const window = new ReceiveWindow(wide(), 0);
    assert.equal(window.received(INITIAL_WINDOW_BYTES), true);
    assert.equal(window.received(1), false);
  });

  it('grants nothing before half of it was passed on, then all of that at once', () => {
    const window = new ReceiveWindow(wide(), 0);
    window.received(INITIAL_WINDOW_BYTES);
    assert.equal(window.consumed(HALF - 1, 10_000, 0), 0);
    assert.equal(window.consumed(1, 10_000, 0), HALF);
    assert.equal(window.received(HALF), true);
    assert.equal(window.received(1), false);
  });

  it('doubles for a reader that keeps up with the round trip', () => {
    const window = new ReceiveWindow(wide(), 0);
    assert.equal(window.consumed(HALF, 50, 50), HALF + INITIAL_WINDOW_BYTES);
  });

  it('stays as it is for a reader that does not', () => {
    const window = new ReceiveWindow(wide(), 0);
    assert.equal(window.consumed(HALF, 51, 50), HALF);
  });

  it('counts any round trip below 10 ms as 10 ms, so that it grows on a near line too', () => {
    assert.equal(new ReceiveWindow(wide(), 0).consumed(HALF, 10, 0), HALF + INITIAL_WINDOW_BYTES);
    assert.equal(new ReceiveWindow(wide(), 0).consumed(HALF, 11, 0), HALF);
  });

  it('measures each round from the grant before it', () => {
    const window = new ReceiveWindow(wide(), 0);
    assert.equal(window.consumed(HALF, 1000, 50), HALF);
    assert.equal(window.consumed(HALF, 1040, 50), HALF + INITIAL_WINDOW_BYTES);
  });

  it('grows to its limit and no further, also where the limit is no power of two', () => {
    const maxBytes = 5 * INITIAL_WINDOW_BYTES;
    const window = new ReceiveWindow({ maxBytes, budget: new WindowBudget(256 * MIB) }, 0);
    let size = INITIAL_WINDOW_BYTES;
    for (let round = 0; round < 8; round += 1) size += window.consumed(size / 2, 0, 0) - size / 2;
    assert.equal(size, maxBytes);
  });

  it('does not grow where its limit is what it has', () => {
    const window = new ReceiveWindow({ maxBytes: INITIAL_WINDOW_BYTES, budget: new WindowBudget(256 * MIB) }, 0);
    assert.equal(window.consumed(HALF, 0, 0), HALF);
  });

  it('never grants more than its size, whatever is received and passed on, and whenever', () => {
    const step = fc.record({ received: fc.nat(300_000), share: fc.nat(100), waitMs: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (steps, factor) => {
        const maxBytes = factor * INITIAL_WINDOW_BYTES;
        const window = new ReceiveWindow({ maxBytes, budget: new WindowBudget(64 * MIB) }, 0);
        let credit = INITIAL_WINDOW_BYTES;
        let held = 0;
        let nowMs = 0;
        for (const { received, share, waitMs } of steps) {
          const bytes = Math.min(received, credit);
          assert.ok(window.received(bytes), 'a sender that keeps to its grants is never called a violator');
          credit -= bytes;
          held += bytes;
          nowMs += waitMs;
          const passed = Math.floor((held * share) / 100);
          const grant = window.consumed(passed, nowMs, 15);
          held -= passed;
          credit += grant;
          assert.ok(credit + held <= maxBytes, 'what may come and what is held fit the window');
        }
        const rest = window.consumed(held, nowMs, 0);
        assert.ok(credit + rest > 0, 'a sender whose bytes were all passed on may send more');
      }),
    );
  });
});

describe('the budget of all windows', () => {
  it('bounds their growth together', () => {
    const budget = new WindowBudget(INITIAL_WINDOW_BYTES);
    const options = { maxBytes: 8 * MIB, budget };
    const [first, second] = [new ReceiveWindow(options, 0), new ReceiveWindow(options, 0)];
    assert.equal(first.consumed(HALF, 0, 0), HALF + INITIAL_WINDOW_BYTES);
    assert.equal(second.consumed(HALF, 0, 0), HALF);
  });

  it('gets back what a stream grew by when that is over, and only once', () => {
    const budget = new WindowBudget(INITIAL_WINDOW_BYTES);
    const options = { maxBytes: 8 * MIB, budget };
    const first = new ReceiveWindow(options, 0);
    first.consumed(HALF, 0, 0);
    first.close();
    first.close();
    assert.equal(budget.take(INITIAL_WINDOW_BYTES), true);
    assert.equal(budget.take(1), false);
  });

  it('gives all or nothing', () => {
    const budget = new WindowBudget(10);
    assert.equal(budget.take(11), false);
    assert.equal(budget.take(10), true);
    assert.equal(budget.take(1), false);
    budget.giveBack(1);
    assert.equal(budget.take(1), true);
  });
});
