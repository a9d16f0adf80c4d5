import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generatePassword, hashPassword, NOBODYS_HASH, verifyPassword } from '../../src/credentials/passwords.ts';

describe('passwords', () => {
  it('are right for the hash that was made of them, and for no other', async () => {
    const hash = await hashPassword('correct horse');
    assert.equal(await verifyPassword('correct horse', hash), true);
    for (const wrong of ['', 'correct hors', 'correct horse ', 'Correct horse']) {
      assert.equal(await verifyPassword(wrong, hash), false, wrong);
    }
  });

  it('have another hash every time, with its parameters in it, and are not in it themselves', async () => {
    const [first, second] = await Promise.all([hashPassword('secret'), hashPassword('secret')]);
    assert.notEqual(first, second);
    for (const hash of [first, second]) assert.match(hash, /^argon2id\$19456\$2\$[\w-]{22}\$[\w-]{43}$/);
    assert.ok(!first.includes('secret'));
  });

  it('may be of any characters', async () => {
    const hash = await hashPassword('密码 \u0000 $ü');
    assert.equal(await verifyPassword('密码 \u0000 $ü', hash), true);
    assert.equal(await verifyPassword('密码', hash), false);
  });

  it('are never right for what is no hash', async () => {
    for (const stored of ['', 'plain', 'bcrypt$1$2$3$4', 'argon2id', 'argon2id$19456$2$AAAAAAAAAAAAAAAAAAAAAA']) {
      assert.equal(await verifyPassword('', stored), false, stored);
      assert.equal(await verifyPassword(stored, stored), false, stored);
    }
  });

  it('that are generated have 128 bits and never come twice', () => {
    const made = Array.from({ length: 100 }, generatePassword);
    for (const password of made) assert.match(password, /^[\w-]{22}$/);
    assert.equal(new Set(made).size, made.length);
  });

  it('of nobody cost as much as those of somebody, and are never right', async () => {
    const parameters = (hash: string): string[] => hash.split('$').slice(0, 3);
    assert.deepEqual(parameters(NOBODYS_HASH), parameters(await hashPassword('x')));
    assert.equal(NOBODYS_HASH.split('$').length, 5);
    assert.equal(await verifyPassword('', NOBODYS_HASH), false);
  });
});
