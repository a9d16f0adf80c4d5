import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { HistoryStore, type PastStream } from '../../src/store/history.ts';
import { temporaryDirectory } from '../support/directory.ts';

const past = (seq: number): PastStream => ({
  seq,
  id: seq,
  user: 'alice+nas',
  from: '192.0.2.1',
  target: { host: '<b>nas</b>', port: 80 },
  local: undefined,
  startedAt: 1,
  endedAt: 2,
  connectMs: 1.5,
  bytesUp: 3,
  bytesDown: 4,
  reply: 5,
  error: { code: 'connection-refused', message: 'nobody there' },
});

const USAGE = { kind: 'user', name: 'alice', streams: 1, failures: 1, bytesUp: 3, bytesDown: 4, lastAt: 2 } as const;

describe('the history', () => {
  it('is there after a restart, and private', (t) => {
    const file = path.join(temporaryDirectory(t), 'history.db');
    {
      using history = new HistoryStore(file);
      history.append([past(1), { ...past(2), error: undefined }], [USAGE]);
    }
    assert.equal(statSync(file).mode & 0o777, 0o600);
    using again = new HistoryStore(file);
    assert.deepEqual(again.recent(10, 10), [{ ...past(2), error: undefined }, past(1)]);
    assert.deepEqual(again.recent(2, 10), [past(1)]);
    assert.deepEqual(again.usage(), [USAGE]);
    assert.equal(again.lastSeq(), 2);
  });

  it('keeps the newest ten thousand', (t) => {
    using history = new HistoryStore(path.join(temporaryDirectory(t), 'history.db'));
    history.append(
      Array.from({ length: 10_200 }, (_, index) => past(index + 1)),
      [],
    );
    assert.equal(history.recent(202, 10)[0]?.seq, 201);
    assert.equal(history.recent(201, 10).length, 0);
  });

  it('replaces what was used, and forgets it', (t) => {
    using history = new HistoryStore(path.join(temporaryDirectory(t), 'history.db'));
    history.append([], [USAGE]);
    history.append([], [{ ...USAGE, streams: 2 }]);
    assert.deepEqual(history.usage(), [{ ...USAGE, streams: 2 }]);
    history.forget('user', 'alice');
    assert.deepEqual(history.usage(), []);
  });

  it('starts anew where its file is no database', (t) => {
    const file = path.join(temporaryDirectory(t), 'history.db');
    writeFileSync(file, 'garbage '.repeat(1000));
    using history = new HistoryStore(file);
    history.append([past(1)], []);
    assert.equal(history.lastSeq(), 1);
  });

  it('keeps all of a batch or nothing', (t) => {
    using history = new HistoryStore(path.join(temporaryDirectory(t), 'history.db'));
    assert.throws(() => history.append([past(1), past(1)], [USAGE]));
    assert.deepEqual([history.recent(9, 9), history.usage()], [[], []]);
  });
});
