// Who guesses the password of a page waits, and keeps nobody else from logging in.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Penalties } from '../../src/credentials/penalties.ts';
import { createWebAccess, type Facts, setWebPassword } from '../../src/credentials/web-access.ts';

const facts = (() => {
  const kept = new Map<string, string>();
  return {
    fact: (name: string) => kept.get(name),
    setFact: (name: string, value: string) => void kept.set(name, value),
  };
})() satisfies Facts;

describe('logging in to a page', () => {
  before(() => setWebPassword(facts, 'right'));

  it('goes on while many addresses wait for their next guess', async () => {
    const access = createWebAccess(facts, new Penalties());
    const guessers = Array.from({ length: 8 }, (_, number) => `198.51.100.${number}`);
    for (const from of guessers) assert.equal(await access.login('guess', from), 'wrong');
    const guesses = guessers.map((from) => access.login('guess', from));
    assert.equal(await access.login('right', '203.0.113.1'), 'right');
    assert.ok(!(await Promise.all(guesses)).includes('right'));
  });

  it('is tried once at a time by the addresses of one IPv6 network', async () => {
    const access = createWebAccess(facts, new Penalties());
    const guesses = ['2001:db8::1', '2001:db8::2'].map((from) => access.login('guess', from));
    assert.deepEqual(await Promise.all(guesses), ['wrong', 'busy']);
  });
});
