import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { pauseMs } from '../../src/uplink/back-off.ts';

const OPTIONS = { reconnectMinMs: 200, reconnectSilentMaxMs: 1500, reconnectMaxMs: 10_000 };
const ALMOST_ONE = 1 - Number.EPSILON;

describe('the pause before the server is tried again', () => {
  it('doubles from the shortest to the longest, and stays there', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) =>
      Math.round(pauseMs(failures, true, OPTIONS, ALMOST_ONE)),
    );
    assert.deepEqual(longest, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  });

  it('stays short while nothing answers, for silence ends without notice', () => {
    const longest = [1, 2, 3, 4, 5].map((failures) => Math.round(pauseMs(failures, false, OPTIONS, ALMOST_ONE)));
    assert.deepEqual(longest, [200, 400, 800, 1500, 1500]);
  });

  it('is spread over the upper half, so that not all come back at once', () => {
    assert.equal(pauseMs(1, true, OPTIONS, 0), 100);
    assert.equal(pauseMs(1, true, OPTIONS, 0.5), 150);
  });

  it('is a sane number for ever', () => {
    const failures = fc.integer({ min: 1, max: 2 ** 31 });
    const random = fc.double({ min: 0, max: ALMOST_ONE, noNaN: true });
    fc.assert(
      fc.property(failures, fc.boolean(), random, (count, turnedAway, dice) => {
        const pause = pauseMs(count, turnedAway, OPTIONS, dice);
        assert.ok(pause >= 100 && pause <= (turnedAway ? 10_000 : 1500), String(pause));
      }),
    );
  });
});
