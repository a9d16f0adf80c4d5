// What one tick tells, and that it stays small however much goes on.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StreamProgress, StreamSnapshot } from '../../src/net/streams.ts';
import { Feed } from '../../src/watch/feed.ts';
import type { ClientDeviceStatus, LocalStatus, RoleStatus } from '../../src/watch/status.ts';

const snapshotOf = (id: number): StreamSnapshot => ({
  id,
  command: 'connect',
  user: 'alice',
  from: '192.0.2.1',
  target: { host: 'nas.depot', port: 80 },
  local: undefined,
  startedAt: 0,
  state: 'connecting',
  bytesUp: 0,
  bytesDown: 0,
  dropped: 0,
});

const progressOf = (id: number, bytes: number, isOpen = true): StreamProgress => ({
  id,
  isOpen,
  local: isOpen ? 'nas' : undefined,
  rule: undefined,
  bytesUp: 0,
  bytesDown: bytes,
});

const roleOf = (reconnects: number): RoleStatus => ({
  role: 'local',
  version: '1.2.3',
  pid: 1,
  startedAt: 0,
  descriptors: { limit: null, reserved: 0, refused: 0 },
  draining: false,
  name: 'nas',
  server: 'gw.example:8964',
  connected: true,
  since: 0,
  rttMs: 3,
  clockAheadMs: 0,
  reconnects,
  outages: [],
  lastError: null,
  tunnels: { idle: 4, busy: 0 },
  rules: [],
});

const feedOf = (
  running: () => readonly number[],
  locals: () => readonly LocalStatus[] = () => [],
  role: () => RoleStatus = () => roleOf(0),
  clients: () => readonly ClientDeviceStatus[] = () => [],
): Feed => {
  const feed = new Feed({
    page: (after, limit) =>
      running()
        .filter((id) => id > after)
        .slice(0, limit)
        .map(snapshotOf),
    ended: () => [],
    lastSeq: () => 0,
    locals,
    clients,
    failures: () => [],
    role,
  });
  feed.restart([], 0);
  return feed;
};

describe('a tick', () => {
  it('says what became of the link, once', () => {
    let reconnects = 0;
    const feed = feedOf(
      () => [],
      () => [],
      () => roleOf(reconnects),
    );
    assert.equal(feed.change(0, 0, 0, 0).role, undefined);
    reconnects = 1;
    assert.deepEqual(feed.change(0, 0, 0, 0).role, roleOf(1));
    assert.equal(feed.change(0, 0, 0, 0).role, undefined);
  });

  it('says that a stream began, opened, moved and ended, each once', () => {
    const running = [1];
    const feed = feedOf(() => running);
    assert.deepEqual(
      feed.change(1, 0, 0, 1).started?.map(({ id }) => id),
      [1],
    );
    feed.see(progressOf(1, 5));
    const moved = feed.change(2, 0, 0, 1);
    assert.deepEqual([moved.started, moved.opened, moved.counters], [undefined, [[1, 'nas', undefined]], [[1, 0, 5]]]);
    feed.see(progressOf(1, 5));
    assert.deepEqual(feed.change(3, 0, 0, 1), { at: 3, up: 0, down: 0, running: 1 });
    running.pop();
    feed.end(1);
    assert.deepEqual(feed.change(4, 0, 0, 0).gone, [1]);
    assert.equal(feed.change(5, 0, 0, 0).gone, undefined);
  });

  it('says nothing of a stream that began and ended between two', () => {
    const feed = feedOf(() => []);
    feed.end(7);
    assert.deepEqual(feed.change(1, 0, 0, 0), { at: 1, up: 0, down: 0, running: 0 });
  });

  it('tells of many streams in pieces, and forgets none', () => {
    const running = Array.from({ length: 1200 }, (_, index) => index + 1);
    const feed = feedOf(() => running);
    const told = [1, 2, 3].flatMap((at) => feed.change(at, 0, 0, 1200).started?.map(({ id }) => id) ?? []);
    assert.deepEqual(told, running);
  });

  it('takes turns where more streams move than it has room for', () => {
    const ids = Array.from({ length: 5000 }, (_, index) => index + 1);
    const feed = feedOf(() => []);
    feed.restart(
      ids.map((id) => progressOf(id, 0)),
      5000,
    );
    const told = new Set<number>();
    for (let at = 1; at <= 3; at += 1) {
      for (const id of ids) feed.see(progressOf(id, at));
      const counters = feed.change(at, 0, 0, 5000).counters ?? [];
      assert.equal(counters.length, 2000);
      for (const [id] of counters) told.add(id);
    }
    assert.equal(told.size, 5000);
  });

  it('tells of a local only when something about it is new', () => {
    const local: LocalStatus = {
      name: 'nas',
      connected: true,
      draining: false,
      since: 1,
      lastSeenAt: 1,
      from: '192.0.2.1',
      software: null,
      platform: null,
      rttMs: 1,
      tunnels: { idle: 4, busy: 0 },
      streams: 0,
    };
    let locals: readonly LocalStatus[] = [local];
    const feed = feedOf(
      () => [],
      () => locals,
    );
    locals = [{ ...local, lastSeenAt: 2 }];
    assert.equal(feed.change(1, 0, 0, 0).locals, undefined);
    locals = [{ ...local, connected: false }];
    assert.deepEqual(feed.change(2, 0, 0, 0).locals, locals);
    locals = [];
    assert.deepEqual(feed.change(3, 0, 0, 0).goneLocals, ['nas']);
  });

  it('tells of a client that comes, goes and is revoked', () => {
    const laptop: ClientDeviceStatus = {
      user: 'alice',
      device: 'laptop',
      connected: false,
      draining: false,
      since: null,
      lastSeenAt: 1,
      from: null,
      software: null,
      platform: null,
      rttMs: null,
      tunnels: { idle: 0, busy: 0 },
    };
    let clients: readonly ClientDeviceStatus[] = [laptop];
    const feed = feedOf(
      () => [],
      () => [],
      () => roleOf(0),
      () => clients,
    );
    clients = [{ ...laptop, connected: true, since: 2, from: '192.0.2.1', lastSeenAt: 2 }];
    assert.deepEqual(feed.change(1, 0, 0, 0).clients, clients);
    clients = [{ ...laptop, connected: true, since: 2, from: '192.0.2.1', lastSeenAt: 3 }];
    assert.equal(feed.change(2, 0, 0, 0).clients, undefined);
    clients = [];
    assert.deepEqual(feed.change(3, 0, 0, 0).goneClients, ['alice/laptop']);
  });
});
