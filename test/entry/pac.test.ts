import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pacFor } from '../../src/entry/pac.ts';
import { forBrowsers, parsePacHosts } from '../../src/entry/pac-rules.ts';
import { parseOrderedRule } from '../../src/rules/ordered.ts';
import { evaluatePac, type FindProxy } from '../support/pac.ts';

const proxy = { host: 'gw.example', port: 8864, secure: true };
const HERE = 'HTTPS gw.example:8864';

const withRules = (...rules: readonly string[]): FindProxy =>
  evaluatePac(pacFor(proxy, forBrowsers(rules.map(parseOrderedRule))));

test('without rules nothing but .depot', () => {
  const find = withRules();
  assert.equal(find('nas.depot'), HERE);
  assert.equal(find('printer.lan'), 'DIRECT');
});

test('names with stars, from their beginning to their end', () => {
  const find = withRules('allow *.lan', 'allow wiki', 'allow a*b*c.example');
  for (const host of ['printer.lan', 'PRINTER.lan.', 'a.b.lan', 'wiki', 'abc.example', 'axbxxc.example', 'nas.depot'])
    assert.equal(find(host), HERE, host);
  for (const host of ['lan', 'printer.lan.example', 'wiki.example', 'ac.example', 'acb.example', 'x.abc.example'])
    assert.equal(find(host), 'DIRECT', host);
});

test('networks, by the addresses that a URL spells out', () => {
  const find = withRules('allow 192.168.1.128/25', 'allow 10.0.0.7', 'allow fd00:ab::/33');
  for (const host of ['192.168.1.128', '192.168.1.255', '10.0.0.7', 'fd00:ab::1', '[fd00:ab:7fff::]', 'FD00:AB::'])
    assert.equal(find(host), HERE, host);
  for (const host of ['192.168.1.127', '192.168.2.1', '10.0.0.8', 'fd00:ab:8000::', 'fd00:ac::', '::', 'fd00.ab'])
    assert.equal(find(host), 'DIRECT', host);
});

test('the first rule that matches host and port decides', () => {
  const find = withRules('deny secret.lan', 'allow *.lan:80,8000-8010', 'deny *.lan', 'allow *.example', 'deny *');
  for (const [url, expected] of [
    ['http://a.lan/', HERE],
    ['http://a.lan:8005/x:1', HERE],
    ['https://a.lan/', 'DIRECT'],
    ['https://user:1@a.lan:8010/', HERE],
    ['wss://a.lan/', 'DIRECT'],
    ['http://a.lan:81/', 'DIRECT'],
  ] as const)
    assert.equal(find('a.lan', url), expected, url);
  assert.equal(find('secret.lan'), 'DIRECT');
  assert.equal(find('a.example', 'ftp://a.example:21/'), HERE);
  assert.equal(find('fd00::1', 'http://[fd00::1]:81/'), 'DIRECT');
});

test('what means everything, or this machine, sends nothing', () => {
  const rules = ['*', '*:80', '*.*', '0.0.0.0/0', '::/0', 'localhost', '127.0.0.1:9091', '::1', 'nas.depot:80'];
  assert.deepEqual(forBrowsers(rules.map((rule) => parseOrderedRule(`allow ${rule}`))), []);
  for (const host of rules) assert.throws(() => parsePacHosts([host]), /pacHosts/, host);
  const find = withRules('allow 0.0.0.0/1', 'allow *host');
  for (const host of ['127.0.0.1', 'localhost']) assert.equal(find(host), 'DIRECT', host);
  assert.equal(withRules('deny *', 'allow *.lan')('a.lan'), 'DIRECT');
});

test('whatever is in it stays text', () => {
  const evil = `x"; alert(1); //\u2028\n</script>é`;
  const { text: _, ...rule } = parseOrderedRule('allow x');
  const evilRule = {
    ...rule,
    text: evil,
    rule: { ...rule.rule, host: { kind: 'name', pattern: evil, matches: () => true } },
  } as const;
  const text = pacFor({ ...proxy, host: evil }, [evilRule]);
  assert.match(text, /^[\n -~]+$/, 'ASCII alone');
  assert.doesNotMatch(text, /^<|[^\\]"; alert/m);
  assert.equal(evaluatePac(text)('nas.depot'), `HTTPS ${evil}:8864`);
});

test('a long name keeps no browser busy, however many stars a rule has', () => {
  const find = withRules(`allow ${'*a'.repeat(30)}*b`);
  assert.equal(find('a'.repeat(50_000)), 'DIRECT');
});
