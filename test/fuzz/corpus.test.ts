// What the fuzzers found, each as the test that would have caught it, and a few cases of every property: a property that
// does not run any more would find nothing.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRule } from '../../src/rules/rule.ts';
import { canonicalHost } from '../../src/socks/address.ts';
import { LINK } from './codecs/link.ts';
import { RULES } from './codecs/rules.ts';
import { SOCKS } from './codecs/socks.ts';

describe('found by the fuzzers', () => {
  it('a host with many dots or brackets had another spelling each time it was read', () => {
    for (const host of ['..', 'nas..', '[[::1]]', '[nas].', '[[127.0.0.1].]'])
      assert.equal(canonicalHost(canonicalHost(host)), canonicalHost(host), host);
    assert.equal(canonicalHost('[[::1]].'), '::1');
    assert.equal(canonicalHost('..'), '');
  });

  it('a rule with five stars was busy for 40 s with a name that a client chose', () => {
    const { host } = parseRule(`${'*a'.repeat(20)}b`);
    assert.ok(host.kind === 'name');
    assert.equal(host.matches('a'.repeat(250)), false);
    assert.equal(host.matches(`${'a'.repeat(250)}b`), true);
  });
});

describe('every property holds for a few cases', () => {
  for (const { name, check } of [...SOCKS, ...LINK, ...RULES]) it(name, () => check(1, 50));
});
