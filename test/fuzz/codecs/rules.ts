// Rules, networks, and what is made of an HTTP request's target and fields.

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { requestHeaders, responseHeaders } from '../../../src/entry/http-headers.ts';
import { parseAbsoluteForm, parseAuthority } from '../../../src/entry/http-target.ts';
import { Rules } from '../../../src/local/rules.ts';
import { parseNetwork } from '../../../src/rules/network.ts';
import { parseOrderedRule, weigh, weighAddress } from '../../../src/rules/ordered.ts';
import { parseRule } from '../../../src/rules/rule.ts';
import { canonicalHost, ipBytes } from '../../../src/socks/address.ts';
import { outcome, type Property, property } from './property.ts';

const PIECES = [
  '*',
  '-',
  '.',
  'a',
  'lan',
  'localhost',
  ':',
  ',',
  '22',
  '8000-8100',
  '10.0.0.0/8',
  '[fd00::/8]',
  '::1',
  '/',
  '[',
  ']',
  ' ',
];
const ruleText = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((parts) => parts.join('')),
  fc.string({ maxLength: 40 }),
);
const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('127.0.0.1', '::1', '169.254.169.254', '10.1.2.3'));
const name = fc.oneof(
  fc.domain(),
  fc.array(fc.constantFrom('a', '-', '.', 'lan'), { maxLength: 100 }).map((parts) => parts.join('')),
);
const longName = fc
  .array(fc.constantFrom('a', 'aa', 'b'), { maxLength: 120, size: 'max' })
  .map((parts) => parts.join(''));
const port = fc.integer({ min: 0, max: 65_535 });

const networkText = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 128 }))
  .map(([ip, prefix]) => `${ip}/${ip.includes(':') ? prefix : prefix % 33}`);

const numberOf = (ip: string): bigint => ipBytes(ip).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

const addressRule = fc
  .tuple(
    fc.constantFrom('allow', 'deny'),
    fc.oneof(
      fc.constantFrom('*', 'localhost', '10.0.0.0/8', '[::1]'),
      networkText.map((text) => text.replace(/^(.*:.*)$/, '[$1]')),
    ),
    fc.constantFrom('', ':80', ':22,8000-8100'),
  )
  .map(([effect, host, ports]) => `${effect} ${host}${ports}`);

const field = fc.tuple(
  fc.constantFrom(
    'Host',
    'Connection',
    'Content-Length',
    'Transfer-Encoding',
    'Upgrade',
    'X-Own',
    'Proxy-Authorization',
    'TE',
  ),
  fc.constantFrom('close', 'x-own, te', '5', 'chunked', 'content-length, host', 'Basic eA==', 'a.example'),
);
const fields = fc.array(field, { maxLength: 10 }).map((pairs) => pairs.flat());

const named = (headers: readonly string[], wanted: string): string[] =>
  headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === wanted);

export const RULES: readonly Property[] = [
  property('a rule is read or refused, and answers at once', [ruleText, name], (text, host) => {
    const result = outcome(() => parseRule(text), 'invalid-config');
    if ('value' in result && result.value.host.kind === 'name') result.value.host.matches(canonicalHost(host));
  }),
  property(
    'a pattern matches what its stars say, however many there are and however long the name',
    [fc.array(fc.constantFrom('*', 'a', 'b', '-', '.a'), { minLength: 1, maxLength: 40 }), longName, longName],
    (parts, own, filling) => {
      const result = outcome(() => parseRule(parts.join('')), 'invalid-config');
      if ('error' in result || result.value.host.kind !== 'name') return;
      const { matches } = result.value.host;
      matches(own);
      assert.ok(matches(canonicalHost(parts.map((part) => (part === '*' ? filling : part)).join(''))));
      if (!parts.includes('*')) assert.equal(matches(own), canonicalHost(parts.join('')) === own);
    },
  ),
  property('an ordered rule is read or refused', [ruleText], (text) => {
    outcome(() => parseOrderedRule(text), 'invalid-config');
    outcome(() => parseOrderedRule(`allow ${text}`), 'invalid-config');
  }),
  property(
    "local's rules let nothing special through that is not spelled out",
    [fc.array(ruleText, { maxLength: 3 }), name, address, port],
    (texts, host, ip, number) => {
      const rules = outcome(() => new Rules(texts), 'invalid-config');
      if ('error' in rules) return;
      const { allowed } = rules.value.check(host, ip, number);
      if (allowed && canonicalHost(ip) === '169.254.169.254') assert.fail(`${ip} is let through by ${texts.join(' ')}`);
      rules.value.checkBind(host, ip);
    },
  ),
  property('a network holds what its bits say', [networkText, address], (text, ip) => {
    const network = parseNetwork(text);
    if (network === undefined) return;
    const own = canonicalHost(ip);
    const [base = ''] = text.split('/');
    const sameFamily = own.includes(':') === base.includes(':');
    const rest = BigInt((base.includes(':') ? 128 : 32) - network.prefix);
    assert.equal(network.contains(own), sameFamily && numberOf(own) >> rest === numberOf(base) >> rest);
  }),
  property(
    'rules about addresses say the same of an address and of a name that leads there',
    [fc.array(addressRule, { maxLength: 5 }), address, port],
    (texts, ip, number) => {
      const rules = texts.map(parseOrderedRule);
      const own = canonicalHost(ip);
      const direct = weigh(rules, { host: own, port: number, locals: ['nas.depot'] });
      const byName = weigh(rules, { host: 'host.example', port: number, locals: ['nas.depot'] });
      const there = byName.addressRules.length === 0 ? byName : weighAddress(byName.addressRules, own);
      assert.equal(there.allowed, direct.allowed);
    },
  ),
  property(
    'address rules from the other side allow nothing that cannot be read',
    [fc.string({ maxLength: 50 }), address],
    (text, ip) => {
      const readable = ['*', 'loopback', '!loopback'].includes(text) || parseNetwork(text) !== undefined;
      const { allowed } = weighAddress([{ allow: true, addresses: text, rule: '' }], canonicalHost(ip));
      assert.ok(readable || !allowed);
    },
  ),
  property(
    'a target of HTTP is read or refused',
    [fc.oneof(fc.webUrl(), fc.string({ maxLength: 80 }), fc.webAuthority())],
    (text) => {
      const absolute = parseAbsoluteForm(text);
      for (const found of [parseAuthority(text), parseAuthority(text, 80), absolute?.destination]) {
        if (found === undefined) continue;
        assert.ok(found.port > 0 && found.port < 65_536);
        assert.equal(canonicalHost(found.host), found.host);
      }
      if (absolute !== undefined) assert.match(absolute.path, /^\//);
    },
  ),
  property(
    'a request has one host and one length',
    [fields, fc.constantFrom('GET', 'POST', 'PUT')],
    (rawHeaders, method) => {
      const sent = requestHeaders({ method, rawHeaders, host: 'app' });
      assert.deepEqual(named(sent, 'host'), ['app']);
      assert.ok(named(sent, 'transfer-encoding').length <= 1);
      if (named(sent, 'transfer-encoding').length > 0) assert.deepEqual(named(sent, 'content-length'), []);
      assert.deepEqual(named(sent, 'proxy-authorization'), []);
    },
  ),
  property('an answer keeps nothing that was for the next hop', [fields], (rawHeaders) => {
    const sent = responseHeaders(rawHeaders);
    for (const gone of ['connection', 'transfer-encoding', 'upgrade', 'te']) assert.deepEqual(named(sent, gone), []);
  }),
];
