// What `depot user` makes of the limits that somebody types.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import { addLimits, type LimitOptions, limitsOf } from '../../src/cli/limits.ts';

const limitsFrom = (...args: readonly string[]): ReturnType<typeof limitsOf> => {
  const command = addLimits(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return limitsOf(command.parse(args, { from: 'user' }).opts<LimitOptions>());
};

describe('--until', () => {
  it('is the end of a day, or a time', () => {
    assert.equal(limitsFrom('--until', '2028-02-29').validUntil, Date.UTC(2028, 2, 1));
    assert.equal(limitsFrom('--until', '2027-12-31T18:00+01:00').validUntil, Date.UTC(2027, 11, 31, 17));
    assert.equal(limitsFrom('--until', 'none').validUntil, null);
  });

  it('is no day that the calendar does not have', () => {
    for (const text of ['2027-02-29', '2027-02-31', '2027-04-31T18:00Z', '2027-13-01', '2027-1-1', 'soon'])
      assert.throws(() => limitsFrom('--until', text), /A day such as/, text);
  });
});
