import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failures } from '../../src/watch/failures.ts';
import { Traffic } from '../../src/watch/traffic.ts';

const START = 1_800_000_000_000;

describe('traffic', () => {
  it('is one number per second, the newest last', () => {
    const traffic = new Traffic(START);
    traffic.record(START + 1000, 10, 100);
    traffic.record(START + 2000, 20, 200);
    const { up, down, until, stepMs } = traffic.series();
    assert.deepEqual([up.length, down.length], [900, 900]);
    assert.deepEqual(up.slice(-3), [0, 10, 20]);
    assert.deepEqual(down.slice(-3), [0, 100, 200]);
    assert.deepEqual([until, stepMs], [START + 2000, 1000]);
  });

  it('spreads what came late over the seconds that it took', () => {
    const traffic = new Traffic(START);
    traffic.record(START + 4000, 40, 0);
    assert.deepEqual(traffic.series().up.slice(-5), [0, 10, 10, 10, 10]);
  });

  it('forgets what is older than 15 minutes', () => {
    const traffic = new Traffic(START);
    traffic.record(START + 1000, 7, 7);
    for (let second = 2; second <= 900; second += 1) traffic.record(START + second * 1000, 0, 0);
    assert.equal(traffic.series().up[0], 7);
    traffic.record(START + 901_000, 0, 0);
    assert.ok(traffic.series().up.every((value) => value === 0));
  });

  it('survives a clock that jumps either way', () => {
    for (const jump of [-86_400_000, 86_400_000]) {
      const traffic = new Traffic(START);
      traffic.record(START + 1000, 7, 7);
      traffic.record(START + jump, 5, 6);
      assert.equal(traffic.series().up.at(-1), 5);
      assert.equal(traffic.series().until, START + jump);
    }
  });
});

describe('failures', () => {
  it('are counted by reason and place, the most frequent first, with the newest case of each', () => {
    const failures = new Failures();
    failures.record(START, 'stream', 'dial-timeout', 'late', 'a:1');
    failures.record(START, 'socks', 'malformed-request', 'odd', '192.0.2.1');
    failures.record(START + 1, 'stream', 'dial-timeout', 'later', 'b:2');
    assert.deepEqual(failures.list(START + 2), [
      { code: 'dial-timeout', where: 'stream', count: 2, last: { at: START + 1, message: 'later', subject: 'b:2' } },
      {
        code: 'malformed-request',
        where: 'socks',
        count: 1,
        last: { at: START, message: 'odd', subject: '192.0.2.1' },
      },
    ]);
  });

  it('are forgotten after 15 minutes, minute by minute', () => {
    const failures = new Failures();
    failures.record(START, 'stream', 'internal', 'x', 'a:1');
    failures.record(START + 10 * 60_000, 'stream', 'internal', 'x', 'a:1');
    assert.equal(failures.list(START + 14 * 60_000)[0]?.count, 2);
    assert.equal(failures.list(START + 16 * 60_000)[0]?.count, 1);
    assert.deepEqual(failures.list(START + 60 * 60_000), []);
  });
});
