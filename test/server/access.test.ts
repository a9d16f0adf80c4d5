import assert from 'node:assert/strict';
import { argon2Sync, randomBytes } from 'node:crypto';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Access } from '../../src/server/access.ts';
import { Penalties } from '../../src/credentials/penalties.ts';
import { hashPassword } from '../../src/credentials/passwords.ts';
import { Store } from '../../src/store/store.ts';
import { temporaryDirectory } from '../support/directory.ts';

const ALICES_HASH = await hashPassword('wonderland');
const FROM = '192.0.2.1';
const ALICE = { username: 'alice', password: 'wonderland' };
const WRONG = { username: 'alice', password: 'looking-glass' };

const NEVER = new AbortController().signal;
/** Whoever has to wait is turned away at once with this; whoever does not never looks at it. So no test waits. */
const IMPATIENT = AbortSignal.abort();
const hadToWait = { name: 'AbortError' };

const setUp = (t: TestContext): { readonly access: Access; readonly store: Store } => {
  const store = new Store(path.join(temporaryDirectory(t), 'depot.db'));
  t.after(() => store[Symbol.dispose]());
  store.addUser({ name: 'alice', passwordHash: ALICES_HASH, locals: [], createdAt: 0 });
  return { access: new Access(store, new Penalties()), store };
};

describe('who a client is', () => {
  it('is proven by name and password', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate(ALICE, FROM, NEVER), true);
  });

  it('is not proven by a wrong password, another name or none', async (t) => {
    const { access } = setUp(t);
    const from = (number: number): string => `192.0.2.${number}`;
    assert.equal(await access.authenticate(WRONG, from(1), NEVER), false);
    assert.equal(await access.authenticate({ ...ALICE, username: 'bob' }, from(2), NEVER), false);
    assert.equal(await access.authenticate({ ...ALICE, username: '' }, from(3), NEVER), false);
    assert.equal(await access.authenticate({ ...ALICE, username: 'Alice' }, from(4), NEVER), false);
    assert.equal(await access.authenticate({ ...ALICE, password: '' }, from(5), NEVER), false);
  });

  it('does not depend on the local that the name asks for', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate({ ...ALICE, username: 'alice+nas' }, FROM, NEVER), true);
  });
});

describe('a proven password', () => {
  it('is not hashed again: it is known from then on whatever is slowed down meanwhile', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate(ALICE, FROM, NEVER), true);
    assert.equal(await access.authenticate(WRONG, FROM, NEVER), false);
    assert.equal(await access.authenticate(ALICE, FROM, IMPATIENT), true);
    assert.equal(await access.authenticate(ALICE, '198.51.100.1', IMPATIENT), true);
  });

  it('proves nothing for another one', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate(ALICE, FROM, NEVER), true);
    assert.equal(await access.authenticate(WRONG, FROM, NEVER), false);
  });

  it('is worth nothing once the user has another', async (t) => {
    const { access, store } = setUp(t);
    assert.equal(await access.authenticate(ALICE, FROM, NEVER), true);
    store.setPasswordHash('alice', await hashPassword('changed'));
    assert.equal(await access.authenticate(ALICE, FROM, NEVER), false);
  });

  it('is worth nothing once the user is gone', async (t) => {
    const { access, store } = setUp(t);
    assert.equal(await access.authenticate(ALICE, FROM, NEVER), true);
    store.removeUser('alice');
    assert.equal(await access.authenticate(ALICE, FROM, NEVER), false);
  });
});

describe('whoever guesses', () => {
  it('waits before the next attempt, right or wrong', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate(WRONG, FROM, IMPATIENT), false);
    await assert.rejects(access.authenticate(WRONG, FROM, IMPATIENT), hadToWait);
    await assert.rejects(access.authenticate(ALICE, FROM, IMPATIENT), hadToWait);
  });

  it('waits for guessing a name as for guessing a password', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate({ username: 'bob', password: 'x' }, FROM, IMPATIENT), false);
    await assert.rejects(access.authenticate({ username: 'bob', password: 'x' }, FROM, IMPATIENT), hadToWait);
  });

  it('makes nobody else wait', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate(WRONG, FROM, IMPATIENT), false);
    assert.equal(await access.authenticate(ALICE, '192.0.2.2', IMPATIENT), true);
  });

  it('is one whoever has an IPv6 network of 64 bits', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate(WRONG, '2001:db8:1:2::1', IMPATIENT), false);
    await assert.rejects(access.authenticate(ALICE, '2001:db8:1:2:3:4:5:6', IMPATIENT), hadToWait);
    assert.equal(await access.authenticate(ALICE, '2001:db8:1:3::1', IMPATIENT), true);
  });

  it('is one in such a network however its addresses are abbreviated', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate(WRONG, '2001:db8::1', IMPATIENT), false);
    await assert.rejects(access.authenticate(ALICE, '2001:db8:0:0:1::', IMPATIENT), hadToWait);
  });

  it('is forgiven once the password was right', async (t) => {
    const { access } = setUp(t);
    assert.equal(await access.authenticate(WRONG, FROM, NEVER), false);
    assert.equal(await access.authenticate(ALICE, FROM, NEVER), true);
    assert.equal(await access.authenticate(WRONG, FROM, IMPATIENT), false);
  });
});

describe('a flood of logins', () => {
  it('is answered in full, however many come at once', async (t) => {
    const { access } = setUp(t);
    const logins = Array.from({ length: 12 }, (_, index) =>
      access.authenticate(index % 2 === 0 ? ALICE : WRONG, `192.0.2.${index}`, NEVER),
    );
    assert.deepEqual(
      await Promise.all(logins),
      logins.map((_, index) => index % 2 === 0),
    );
  });

  it('is turned away beyond what may wait, at once and without a crash', async (t) => {
    const { access, store } = setUp(t);
    // A hash that costs next to nothing, for this is about the queue.
    const nonce = randomBytes(16);
    const cost = { parallelism: 1, tagLength: 32, memory: 8, passes: 1 };
    const hash = argon2Sync('argon2id', { message: ALICE.password, nonce, ...cost });
    store.setPasswordHash('alice', `argon2id$8$1$${nonce.toString('base64url')}$${hash.toString('base64url')}`);
    const guesses = Array.from({ length: 202 }, (_, index) =>
      access.authenticate({ ...ALICE, password: `guess ${index}` }, `192.0.2.${index}`, NEVER),
    );
    assert.equal(await access.authenticate(ALICE, '198.51.100.1', NEVER), false);
    assert.equal((await Promise.all(guesses)).includes(true), false);
    assert.equal(await access.authenticate(ALICE, '198.51.100.2', NEVER), true);
  });

  it('with one password is one login: a browser that opens many connections pays once', async (t) => {
    const { access } = setUp(t);
    const logins = Array.from({ length: 500 }, () => access.authenticate(ALICE, FROM, NEVER));
    assert.equal((await Promise.all(logins)).every(Boolean), true);
  });
});
