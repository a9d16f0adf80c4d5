import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { NO_LIMITS } from '../../src/rules/limits.ts';
import { MIGRATIONS, Store } from '../../src/store/store.ts';
import { temporaryDirectory } from '../support/directory.ts';

const DAY_MS = 24 * 3600 * 1000;
const LIMITS = { ...NO_LIMITS, rules: ['deny *:22', 'allow *'], from: ['10.0.0.0/8'], maxStreams: 3, validUntil: 4 };
const ALICE = { name: 'alice', passwordHash: 'hash', locals: ['office', 'nas'], createdAt: 1, limits: LIMITS };

const fileIn = (t: TestContext): string => path.join(temporaryDirectory(t), 'depot.db');

const open = (t: TestContext, file = fileIn(t)): Store => {
  const store = new Store(file);
  t.after(() => store[Symbol.dispose]());
  return store;
};

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof DepotError && error.code === code;

describe('an invitation', () => {
  it('is valid once', (t) => {
    const store = open(t);
    store.addInvitation('digest', 'nas', 1000);
    assert.deepEqual(store.takeInvitation('digest', 10), { kind: 'valid', name: 'nas' });
    assert.deepEqual(store.takeInvitation('digest', 10), { kind: 'used' });
    assert.deepEqual(store.takeInvitation('digest', 5000), { kind: 'used' });
  });

  it('is valid until it expires and not at that moment', (t) => {
    const store = open(t);
    store.addInvitation('early', 'nas', 1000);
    store.addInvitation('late', 'nas', 1000);
    assert.deepEqual(store.takeInvitation('early', 999), { kind: 'valid', name: 'nas' });
    assert.deepEqual(store.takeInvitation('late', 1000), { kind: 'expired' });
    assert.deepEqual(store.takeInvitation('late', 999), { kind: 'valid', name: 'nas' });
  });

  it('that nobody made is unknown', (t) => assert.deepEqual(open(t).takeInvitation('digest', 0), { kind: 'unknown' }));

  it('stands beside others for the same name', (t) => {
    const store = open(t);
    store.addInvitation('first', 'nas', 1000);
    store.addInvitation('second', 'nas', 1000);
    assert.equal(store.takeInvitation('first', 0).kind, 'valid');
    assert.equal(store.takeInvitation('second', 0).kind, 'valid');
  });

  it('is forgotten a month after it expired, not before', (t) => {
    const store = open(t);
    store.addInvitation('old', 'nas', 1000);
    store.addInvitation('new', 'nas', 1000 + 30 * DAY_MS);
    assert.equal(store.takeInvitation('old', 2000).kind, 'expired');
    store.addInvitation('newer', 'nas', 1001 + 30 * DAY_MS);
    assert.equal(store.takeInvitation('old', 2000).kind, 'unknown');
  });

  it('that was used is still used after a restart', (t) => {
    const file = fileIn(t);
    const before = new Store(file);
    before.addInvitation('digest', 'nas', 1000);
    before.takeInvitation('digest', 0);
    before[Symbol.dispose]();
    assert.deepEqual(open(t, file).takeInvitation('digest', 0), { kind: 'used' });
  });
});

describe('users', () => {
  it('come back as they were, with their locals in order', (t) => {
    const store = open(t);
    store.addUser(ALICE);
    store.addUser({ ...ALICE, name: 'adam', locals: [] });
    assert.deepEqual(store.user('alice'), ALICE);
    assert.deepEqual(
      store.users().map(({ name }) => name),
      ['adam', 'alice'],
    );
    assert.equal(store.user('Alice'), undefined);
    assert.equal(store.user("' OR 1 --"), undefined);
  });

  it('are there once: a second one of the name is a conflict, and changes nothing', (t) => {
    const store = open(t);
    store.addUser(ALICE);
    assert.throws(() => store.addUser({ ...ALICE, passwordHash: 'other' }), hasCode('conflict'));
    assert.deepEqual(store.user('alice'), ALICE);
  });

  it('get a new password or go, and whoever is not there is said not to be', (t) => {
    const store = open(t);
    store.addUser(ALICE);
    assert.equal(store.setPasswordHash('alice', 'new'), true);
    assert.equal(store.user('alice')?.passwordHash, 'new');
    assert.equal(store.removeUser('alice'), true);
    assert.equal(store.user('alice'), undefined);
    assert.equal(store.removeUser('alice'), false);
    assert.equal(store.setPasswordHash('alice', 'new'), false);
  });

  it('made anew have nothing of the one before', (t) => {
    const store = open(t);
    store.addUser(ALICE);
    store.removeUser('alice');
    store.addUser({ ...ALICE, locals: [] });
    assert.deepEqual(store.user('alice')?.locals, []);
  });
});

describe('locals', () => {
  it('are found by their key', (t) => {
    const store = open(t);
    store.saveLocal('nas', 'key', 7);
    const nas = { name: 'nas', fingerprint: 'key', joinedAt: 7, lastSeenAt: 7 };
    assert.deepEqual(store.localByFingerprint('key'), nas);
    assert.equal(store.localByFingerprint('other'), undefined);
    store.touchLocal('nas', 9);
    assert.deepEqual(store.locals(), [{ ...nas, lastSeenAt: 9 }]);
  });

  it('have one key per name and one name per key', (t) => {
    const store = open(t);
    store.saveLocal('nas', 'key', 1);
    store.saveLocal('office', 'other', 2);
    store.saveLocal('nas', 'new', 3);
    assert.equal(store.localByFingerprint('key'), undefined);
    store.saveLocal('lab', 'other', 4);
    assert.deepEqual(
      store.locals().map(({ name, fingerprint }) => [name, fingerprint]),
      [
        ['lab', 'other'],
        ['nas', 'new'],
      ],
    );
  });

  it('are gone when they are revoked', (t) => {
    const store = open(t);
    store.saveLocal('nas', 'key', 1);
    assert.equal(store.removeLocal('nas'), true);
    assert.equal(store.localByFingerprint('key'), undefined);
    assert.equal(store.removeLocal('nas'), false);
  });
});

describe('usage', () => {
  it('adds up by user and month', (t) => {
    const store = open(t);
    store.addUser(ALICE);
    store.addUser({ ...ALICE, name: 'bob' });
    store.addUsage(
      '2026-11',
      new Map([
        ['alice', 5],
        ['bob', 7],
      ]),
    );
    store.addUsage('2026-11', new Map([['alice', 2 ** 45]]));
    store.addUsage('2026-12', new Map([['alice', 1]]));
    assert.equal(store.usedBytes('alice', '2026-11'), 2 ** 45 + 5);
    assert.equal(store.usedBytes('alice', '2026-12'), 1);
    assert.equal(store.usedBytes('bob', '2026-11'), 7);
    assert.equal(store.usedBytes('bob', '2026-12'), 0);
  });

  it('ends with its user, and nobody else of the name inherits it', (t) => {
    const store = open(t);
    store.addUser(ALICE);
    store.addUsage('2026-11', new Map([['alice', 5]]));
    store.removeUser('alice');
    store.addUsage('2026-11', new Map([['alice', 5]]));
    store.addUser(ALICE);
    assert.equal(store.usedBytes('alice', '2026-11'), 0);
  });
});

describe('the database', () => {
  it('and what SQLite puts beside it can be read by its owner only', (t) => {
    const file = fileIn(t);
    const umask = process.umask(0o000);
    t.after(() => process.umask(umask));
    open(t, file).addUser(ALICE);
    for (const name of [file, `${file}-wal`, `${file}-shm`]) {
      assert.equal(statSync(name).mode & 0o777, 0o600, name);
    }
  });

  it('is empty until somebody was added or invited', (t) => {
    assert.equal(open(t).isEmpty(), true);
    const [withUser, withLocal, withInvitation] = [open(t), open(t), open(t)];
    withUser.addUser(ALICE);
    withLocal.saveLocal('nas', 'key', 1);
    withInvitation.addInvitation('digest', 'nas', 1);
    for (const store of [withUser, withLocal, withInvitation]) assert.equal(store.isEmpty(), false);
  });

  it('has its schema version in it, and keeps what it holds when it is opened again', (t) => {
    const file = fileIn(t);
    new Store(file)[Symbol.dispose]();
    const version = (): unknown => {
      using raw = new DatabaseSync(file);
      return raw.prepare('PRAGMA user_version').get()?.['user_version'];
    };
    const first = version();
    assert.ok(Number(first) >= 1);
    const store = new Store(file);
    store.addUser(ALICE);
    store[Symbol.dispose]();
    assert.deepEqual(open(t, file).user('alice'), ALICE);
    assert.equal(version(), first);
  });

  it('is brought up to date from an empty file', (t) => {
    const file = fileIn(t);
    writeFileSync(file, '', { mode: 0o600 });
    const store = open(t, file);
    store.addUser(ALICE);
    assert.deepEqual(store.user('alice'), ALICE);
  });

  it('of the first schema keeps its users, who have no limits', (t) => {
    const file = fileIn(t);
    {
      using raw = new DatabaseSync(file);
      raw.exec(`${MIGRATIONS[0]} PRAGMA user_version = 1;
        INSERT INTO users (name, password_hash, created_at) VALUES ('alice', 'hash', 1);
        INSERT INTO user_locals VALUES ('alice', 0, 'office'), ('alice', 1, 'nas');`);
    }
    const store = open(t, file);
    assert.deepEqual(store.user('alice'), { ...ALICE, limits: NO_LIMITS });
    store.setUser('alice', ['nas'], LIMITS);
    assert.deepEqual(store.user('alice'), { ...ALICE, locals: ['nas'] });
  });

  it('of a newer depot is refused by name and left as it is', (t) => {
    const file = fileIn(t);
    {
      using raw = new DatabaseSync(file);
      raw.exec('CREATE TABLE future (x); PRAGMA user_version = 999;');
    }
    assert.throws(
      () => new Store(file),
      (error) => hasCode('unusable-home')(error) && error instanceof Error && error.message.includes('999'),
    );
    using raw = new DatabaseSync(file);
    const tables = raw.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    assert.deepEqual(
      tables.map(({ name }) => name),
      ['future'],
    );
  });

  it("that is damaged is refused in depot's words", (t) => {
    const file = fileIn(t);
    writeFileSync(file, 'this is no database'.repeat(100), { mode: 0o600 });
    assert.throws(() => new Store(file), hasCode('unusable-home'));
  });
});

describe('clients', () => {
  const alice = { name: 'alice', passwordHash: 'hash', locals: [], createdAt: 0 };

  it('are devices of their user, with a number where a name is taken', (t) => {
    const store = open(t);
    store.addUser(alice);
    store.addUser({ ...alice, name: 'bob' });
    assert.equal(store.addClient('alice', 'laptop', 'one', 1).device, 'laptop');
    assert.equal(store.addClient('alice', 'laptop', 'two', 2).device, 'laptop-2');
    assert.equal(store.addClient('bob', 'laptop', 'three', 3).device, 'laptop');
    assert.deepEqual(
      store.clients().map(({ user, device, fingerprint }) => [user, device, fingerprint]),
      [
        ['alice', 'laptop', 'one'],
        ['alice', 'laptop-2', 'two'],
        ['bob', 'laptop', 'three'],
      ],
    );
  });

  it('are found by their key, seen, and removed', (t) => {
    const store = open(t);
    store.addUser(alice);
    const client = store.addClient('alice', 'laptop', 'key', 1);
    store.touchClient(client, 5);
    assert.deepEqual(store.clientByFingerprint('key'), { ...client, lastSeenAt: 5 });
    assert.equal(store.removeClient('alice', 'laptop'), true);
    assert.equal(store.removeClient('alice', 'laptop'), false);
    assert.equal(store.clientByFingerprint('key'), undefined);
  });

  it('have one key each: who joins anew is what it was no more', (t) => {
    const store = open(t);
    store.addUser(alice);
    store.addClient('alice', 'laptop', 'key', 1);
    store.addClient('alice', 'tablet', 'key', 2);
    assert.deepEqual(
      store.clients().map(({ device }) => device),
      ['tablet'],
    );
  });

  it('go with their user, and so do invitations for them', (t) => {
    const store = open(t);
    store.addUser(alice);
    store.addClient('alice', 'laptop', 'key', 1);
    store.addInvitation('for-client', 'alice', 1000, 'client');
    store.addInvitation('for-local', 'alice', 1000);
    store.removeUser('alice');
    assert.deepEqual(store.clients(), []);
    assert.equal(store.takeInvitation('for-client', 0, 'client').kind, 'unknown');
    assert.equal(store.takeInvitation('for-local', 0).kind, 'valid');
  });

  it('are invited by invitations of their own, which no local uses up', (t) => {
    const store = open(t);
    store.addUser(alice);
    store.addInvitation('digest', 'alice', 1000, 'client');
    assert.equal(store.takeInvitation('digest', 0, 'local').kind, 'for-other-role');
    assert.deepEqual(store.takeInvitation('digest', 0, 'client'), { kind: 'valid', name: 'alice' });
    assert.equal(store.takeInvitation('digest', 0, 'client').kind, 'used');
  });
});
