import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { INITIAL_WINDOW_BYTES } from '../../src/link/frames.ts';
import { ReceiveWindow, WindowBudget } from '../../src/link/window.ts';

const MIB = 1024 * 1024;
/** The first grant, and what the window grows by with it. */
const PIECE = INITIAL_WINDOW_BYTES / 4;
const GROWTH = INITIAL_WINDOW_BYTES * 3;

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

  it('grants nothing before a piece worth a frame was passed on, then all of that at once', () => {
    const window = new ReceiveWindow(wide(), 0);
    window.received(INITIAL_WINDOW_BYTES);
    assert.equal(window.consumed(PIECE - 1, 10_000, 0, 0), 0);
    assert.equal(window.consumed(1, 10_000, 0, 0), PIECE);
    assert.equal(window.received(PIECE), true);
    assert.equal(window.received(1), false);
  });

  it('grants an eighth at a time once it is large, so that nobody sends in bursts', () => {
    const window = new ReceiveWindow(wide(), 0);
    window.consumed(PIECE, 0, 50, 50);
    const size = INITIAL_WINDOW_BYTES + GROWTH;
    assert.equal(window.consumed(size / 8 - 1, 10_000, 50, 50), 0);
    assert.equal(window.consumed(1, 10_000, 50, 50), size / 8);
  });

  it('grows for a reader that passes on a quarter of it per round trip', () => {
    const window = new ReceiveWindow(wide(), 0);
    assert.equal(window.consumed(PIECE, 50, 50, 50), PIECE + GROWTH);
  });

  it('grows as well where everything comes at once, and then nothing for a round trip and a little', () => {
    const window = new ReceiveWindow(wide(), 0);
    assert.equal(window.consumed(INITIAL_WINDOW_BYTES, 60, 50, 50), INITIAL_WINDOW_BYTES + GROWTH);
  });

  it('stays as it is for a reader that does not keep up', () => {
    const window = new ReceiveWindow(wide(), 0);
    assert.equal(window.consumed(PIECE, 51, 50, 50), PIECE);
  });

  it('counts any round trip below 10 ms as 10 ms, for timers and turns are no finer', () => {
    assert.equal(new ReceiveWindow(wide(), 0).consumed(PIECE, 10, 6, 6), PIECE + GROWTH);
    assert.equal(new ReceiveWindow(wide(), 0).consumed(PIECE, 11, 6, 6), PIECE);
  });

  it('stays as it is on a near line, also where that is busy, until more was passed on than kernels buffer', () => {
    const window = new ReceiveWindow(wide(), 0);
    const proof = 8 * MIB;
    for (let passed = PIECE; passed < proof; passed += PIECE) assert.equal(window.consumed(PIECE, 0, 300, 4), PIECE);
    assert.equal(window.consumed(PIECE, 0, 300, 4), PIECE + GROWTH);
  });

  it('measures each round from the grant before it', () => {
    const window = new ReceiveWindow(wide(), 0);
    assert.equal(window.consumed(PIECE, 1000, 50, 50), PIECE);
    assert.equal(window.consumed(PIECE, 1040, 50, 50), PIECE + GROWTH);
  });

  it('grows to its limit and no further, also where the limit is no power of two', () => {
    const maxBytes = 5 * INITIAL_WINDOW_BYTES;
    const window = new ReceiveWindow({ maxBytes, budget: new WindowBudget(256 * MIB) }, 0);
    let size = INITIAL_WINDOW_BYTES;
    for (let round = 0; round < 8; round += 1) size += window.consumed(size / 2, 0, 50, 50) - size / 2;
    assert.equal(size, maxBytes);
  });

  it('does not grow where its limit is what it has', () => {
    const window = new ReceiveWindow({ maxBytes: INITIAL_WINDOW_BYTES, budget: new WindowBudget(256 * MIB) }, 0);
    assert.equal(window.consumed(PIECE, 0, 50, 50), PIECE);
  });

  describe('that has grown', () => {
    const size = INITIAL_WINDOW_BYTES + GROWTH;
    /** At time 0; its budget has nothing left, unless told otherwise. */
    const grown = (budgetBytes = GROWTH): { readonly window: ReceiveWindow; readonly budget: WindowBudget } => {
      const budget = new WindowBudget(budgetBytes);
      const window = new ReceiveWindow({ maxBytes: 8 * MIB, budget }, 0);
      window.received(PIECE);
      assert.equal(window.consumed(PIECE, 0, 50, 50), PIECE + GROWTH);
      return { window, budget };
    };

    it('halves, step by step, for a reader that lets it fill and needs less than a sixteenth per round trip', () => {
      const { window, budget } = grown();
      let credit = size;
      let nowMs = 0;
      const grants = [size, size / 2, size / 4].map((bytes) => {
        assert.ok(window.received(credit), 'what was granted is never taken back');
        nowMs += 50_000;
        credit = window.consumed(bytes, nowMs, 50, 50);
        return credit;
      });
      assert.deepEqual(grants, [size / 2, size / 4, size / 4]);
      assert.equal(budget.take(GROWTH), true, 'others may have it now');
      assert.equal(window.received(credit), true);
      assert.equal(window.received(1), false);
    });

    it('keeps eight times what its reader passes on per round trip', () => {
      const { window } = grown();
      window.received(size);
      // A twentieth per round trip, so 0.4 would do, and half is kept; a fifteenth is too much for that.
      assert.equal(window.consumed(size, 20 * 50, 50, 50), size / 2);
      const other = grown().window;
      other.received(size);
      assert.equal(other.consumed(size, 15 * 50, 50, 50), size);
    });

    it('stays for a sender that has little to send, however long that takes', () => {
      const { window } = grown();
      window.received(size / 8);
      assert.equal(window.consumed(size / 8, 1_000_000, 50, 50), size / 8);
    });

    it('grows again for a reader that keeps up again', () => {
      const { window } = grown(256 * MIB);
      window.received(size);
      assert.equal(window.consumed(size, 50_000, 50, 50), size / 2);
      window.received(size / 2);
      assert.equal(window.consumed(size / 2, 50_050, 50, 50), size / 2 + (size / 2) * 3);
    });

    it('comes down to a limit that became smaller', () => {
      const options = { maxBytes: 8 * MIB, budget: new WindowBudget(256 * MIB) };
      const window = new ReceiveWindow(options, 0);
      window.received(PIECE);
      window.consumed(PIECE, 0, 50, 50);
      options.maxBytes = size / 2;
      window.received(size);
      assert.equal(window.consumed(size / 4, 1, 50, 50), 0);
      assert.equal(window.consumed(size / 2, 2, 50, 50), size / 4);
    });
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
          const grant = window.consumed(passed, nowMs, 15, 15);
          held -= passed;
          credit += grant;
          assert.ok(credit + held <= maxBytes, 'what may come and what is held fit the window');
        }
        const rest = window.consumed(held, nowMs, 0, 0);
        assert.ok(credit + rest > 0, 'a sender whose bytes were all passed on may send more');
      }),
    );
  });
});

describe('the budget of all windows', () => {
  it('bounds their growth together', () => {
    const budget = new WindowBudget(GROWTH);
    const options = { maxBytes: 8 * MIB, budget };
    const [first, second] = [new ReceiveWindow(options, 0), new ReceiveWindow(options, 0)];
    assert.equal(first.consumed(PIECE, 0, 50, 50), PIECE + GROWTH);
    assert.equal(second.consumed(PIECE, 0, 50, 50), PIECE);
  });

  it('gets back what a stream grew by when that is over, and only once', () => {
    const budget = new WindowBudget(GROWTH);
    const options = { maxBytes: 8 * MIB, budget };
    const first = new ReceiveWindow(options, 0);
    first.consumed(PIECE, 0, 50, 50);
    first.close();
    first.close();
    assert.equal(budget.take(GROWTH), true);
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
