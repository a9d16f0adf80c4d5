// What the fuzzers found, each as the test that would have caught it, and a few cases of every property: a property that
// does not run any more would find nothing.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRule } from '../../src/rules/rule.ts';
import { canonicalHost } from '../../src/socks/address.ts';
import { Depot } from '../support/depot.ts';
import { Wire } from '../support/socks-client.ts';
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

  it('a stranger ended the server with an upgrade to WebSocket that announced a body', async () => {
    await using depot = await Depot.server();
    const upgrade = 'Host: nas.depot\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
    for (const [method, body] of [
      ['POST', 'Content-Length: 5\r\n\r\n'],
      ['GET', 'Content-Length: 5\r\n\r\nhel'],
      ['GET', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhel'],
    ]) {
      using wire = await Wire.connect(depot.socksPort);
      wire.finish(Buffer.from(`${method} http://nas.depot/ HTTP/1.1\r\n${upgrade}${body}`));
      await wire.ending();
      assert.match(wire.story, /^48 54 54 50/, 'it was answered by HTTP');
    }
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
