import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { DepotError } from '../../src/errors.ts';
import { parseOrderedRule, weigh, weighAddress, type Weighed } from '../../src/rules/ordered.ts';

const at = (rules: readonly string[], host: string, port: number | 'any' = 80): Weighed =>
  weigh(rules.map(parseOrderedRule), { host, port: port === 'any' ? undefined : port, locals: ['nas.depot'] });

/** What comes of it in the end, for a host that local finds at `address`. */
const ends = (rules: readonly string[], host: string, address: string, port = 80): boolean => {
  const { allowed, addressRules } = at(rules, host, port);
  return allowed && (addressRules.length === 0 || weighAddress(addressRules, address).allowed);
};

describe('an ordered list of rules', () => {
  const DECIDED: readonly (readonly [rules: readonly string[], host: string, port: number, allowed: boolean])[] = [
    [[], 'printer', 80, true],
    [['deny *:22'], 'printer', 22, false],
    [['deny *:22'], 'printer', 80, true],
    [['allow *:80'], 'printer', 80, true],
    [['allow *:80'], 'printer', 443, false],
    [['allow 10.0.0.0/8'], '10.1.2.3', 80, true],
    [['allow 10.0.0.0/8'], '11.1.2.3', 80, false],
    [['deny 10.0.0.1', 'allow 10.0.0.0/8'], '10.0.0.1', 80, false],
    [['allow 10.0.0.0/8', 'deny 10.0.0.1'], '10.0.0.1', 80, true],
    [['deny printer'], 'printer', 80, false],
    [['deny printer.nas.depot'], 'printer', 80, false],
    [['deny *.nas.depot'], 'printer', 80, false],
    [['deny *.nas.depot'], 'localhost', 80, true],
    [['allow nas.depot:80'], 'localhost', 80, true],
    [['allow nas.depot:80'], '127.0.0.1', 80, true],
    [['allow nas.depot:80'], '::1', 80, true],
    [['allow nas.depot:80'], 'localhost', 22, false],
    [['allow office.depot:80'], 'localhost', 80, false],
    [['allow localhost'], '127.0.0.9', 80, true],
    [['allow localhost'], '10.0.0.1', 80, false],
    [['allow *.depot'], 'printer', 80, true],
    [['allow 10.0.0.0/8:22'], 'printer', 80, false],
  ];
  for (const [rules, host, port, allowed] of DECIDED) {
    it(`${rules.join(', ') || 'no rule'}: ${host}:${port} is ${allowed ? 'allowed' : 'refused'} at once`, () => {
      const weighed = at(rules, host, port);
      assert.equal(weighed.allowed, allowed, weighed.reason);
      assert.deepEqual(weighed.addressRules, []);
    });
  }

  it('names the rule that decided', () => {
    assert.match(
      at(['allow *:80', 'deny *:22'], 'printer', 22).reason,
      /printer:22 is refused by the rule "deny \*:22"/,
    );
    assert.match(at(['allow *:80'], 'printer', 22).reason, /printer:22 is refused, no rule of the server allows it/);
  });

  const LEFT: readonly (readonly [rules: readonly string[], host: string, address: string, allowed: boolean])[] = [
    [['allow 10.0.0.0/8'], 'printer', '10.0.0.1', true],
    [['allow 10.0.0.0/8'], 'printer', '11.0.0.1', false],
    [['deny 10.0.0.0/8'], 'printer', '10.0.0.1', false],
    [['deny 10.0.0.0/8'], 'printer', '11.0.0.1', true],
    [['deny fd00::/8', 'allow *'], 'printer', 'fd00::1', false],
    [['allow printer'], 'printer', '10.0.0.1', true],
    [['allow printer'], 'printer', '127.0.0.1', false],
    [['allow printer', 'allow localhost'], 'printer', '127.0.0.1', true],
    [['deny nas.depot'], 'sly', '127.0.0.1', false],
    [['deny nas.depot'], 'sly', '10.0.0.1', true],
    [['deny localhost'], 'sly', '::1', false],
  ];
  for (const [rules, host, address, allowed] of LEFT) {
    it(`${rules.join(', ')}: ${host} is ${allowed ? 'allowed' : 'refused'} when it is at ${address}`, () => {
      assert.ok(at(rules, host).addressRules.length > 0);
      assert.equal(ends(rules, host, address), allowed);
    });
  }

  it('has the address say the same for a name as for itself, whatever the rules about addresses', () => {
    const network = fc.constantFrom(
      '10.0.0.0/8',
      '10.0.0.0/30',
      '10.0.0.1',
      '192.168.0.0/16',
      'localhost',
      '*',
      '*:80',
      '10.0.0.2:22',
    );
    const rule = fc.tuple(fc.constantFrom('allow', 'deny'), network).map((parts) => parts.join(' '));
    const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.9.9.9', '192.168.0.1', '8.8.8.8', '127.0.0.1');
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 6 }), address, fc.constantFrom(22, 80), (rules, where, port) => {
        assert.equal(ends(rules, 'name', where, port), at(rules, where, port).allowed);
      }),
    );
  });

  it('asks of a request without a port that some port is allowed, and not that none is denied', () => {
    assert.equal(at(['deny *:22'], 'printer', 'any').allowed, true);
    assert.equal(at(['allow *:22'], 'printer', 'any').allowed, true);
    assert.equal(at(['deny *'], 'printer', 'any').allowed, false);
  });

  for (const text of ['', 'allow', 'deny ', '10.0.0.1', 'permit *', 'allow 10.0.0.0/33', 'deny a..b']) {
    it(`refuses "${text}"`, () =>
      assert.throws(
        () => parseOrderedRule(text),
        (error) => error instanceof DepotError && error.code === 'invalid-config',
      ));
  }
});

describe('rules about an address that came over the link', () => {
  it('refuse what none of them is about', () => {
    assert.equal(weighAddress([{ allow: true, addresses: '10.0.0.0/8', rule: 'x' }], '11.0.0.1').allowed, false);
  });
  it('refuse everything where one cannot be read', () => {
    const rules = [
      { allow: true, addresses: '*', rule: 'x' },
      { allow: false, addresses: 'what a newer server may say', rule: 'y' },
    ];
    assert.equal(weighAddress(rules, '10.0.0.1').allowed, false);
  });
});
