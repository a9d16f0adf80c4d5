import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Log } from '../../src/log.ts';
import { StreamEndLog } from '../../src/net/stream-log.ts';
import type { StreamEnd } from '../../src/net/streams.ts';

type Fields = Readonly<Record<string, unknown>>;

const hear = (t: TestContext, userOf?: (user: string) => string): { ends: StreamEndLog; lines: Fields[] } => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const lines: Fields[] = [];
  const write = (fields: Fields): void => void lines.push(fields);
  const log: Log = { debug: write, info: write, warn: write, error: write };
  return { lines, ends: new StreamEndLog(log, userOf) };
};

const FAILED: StreamEnd = {
  id: 1,
  command: 'connect',
  user: 'mallory',
  from: '192.0.2.1',
  target: { host: 'nowhere', port: 80 },
  local: 'nas',
  startedAt: 0,
  state: 'connecting',
  bytesUp: 0,
  bytesDown: 0,
  dropped: 0,
  durationMs: 1,
  connectMs: 1,
  reply: 4,
  error: { code: 'name-unknown', message: 'nowhere is unknown' },
};

test('requests of a user that came to nothing have sixty lines a minute for each code, and the rest is counted', (t) => {
  const { ends, lines } = hear(t);
  for (let left = 1000; left > 0; left -= 1) ends.add(FAILED);
  assert.equal(lines.length, 60);
  ends.add({ ...FAILED, error: { code: 'not-allowed', message: 'no' } });
  ends.add({ ...FAILED, user: 'alice' });
  assert.equal(lines.length, 62, 'neither another code nor another user is drowned');
  t.mock.timers.tick(60_000);
  assert.deepEqual(lines.slice(62), [{ event: 'stream-end-more', code: 'name-unknown', user: 'mallory', count: 940 }]);
  ends.add(FAILED);
  assert.equal(lines.at(-1)?.['event'], 'stream-end', 'and then it begins anew');
});

test('what carried bytes, or ended in order, always has its line', (t) => {
  const { ends, lines } = hear(t);
  for (let left = 1000; left > 0; left -= 1) {
    ends.add({ ...FAILED, bytesDown: 1 });
    ends.add({ ...FAILED, error: undefined });
  }
  assert.equal(lines.length, 2000);
});

test('a name is one however it is decorated, and whoever has none is its address; all together are bounded', (t) => {
  const { ends, lines } = hear(t, (user) => user.split('+')[0] ?? user);
  for (let number = 0; number < 100; number += 1) ends.add({ ...FAILED, user: `mallory+${number}` });
  for (let number = 0; number < 100; number += 1) ends.add({ ...FAILED, user: undefined, from: `2001:db8::${number}` });
  assert.equal(lines.length, 120);
  for (let number = 0; number < 10_000; number += 1) ends.add({ ...FAILED, user: `user${number}` });
  assert.equal(lines.length, 600);
  ends[Symbol.dispose]();
  assert.deepEqual(
    lines.slice(600).map(({ user, from, count }) => ({ user, from, count })),
    [
      { user: 'mallory', from: undefined, count: 40 },
      { user: undefined, from: '2001:db8:0:0', count: 40 },
      { user: undefined, from: undefined, count: 9520 },
    ],
  );
});
