import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { Incidents } from '../../src/net/incidents.ts';
import { type Line, recordedLog } from '../support/recorded-log.ts';

const JAIL = path.join(import.meta.dirname, '../../packaging/fail2ban/depot-jail.conf');

interface Heard {
  readonly incidents: Incidents;
  readonly lines: readonly Line[];
  told: number;
}

const hear = (t: TestContext): Heard => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, lines } = recordedLog();
  const heard = {
    lines,
    told: 0,
    incidents: new Incidents(log, () => {
      heard.told += 1;
    }),
  };
  return heard;
};

const wrong = new DepotError('not-allowed', 'wrong user or password');

test('the same of one address is written ten times a minute, which is enough for fail2ban, and the rest is counted', (t) => {
  const heard = hear(t);
  const turnedAway = heard.incidents.at('socks');
  for (let left = 1000; left > 0; left -= 1) turnedAway('192.0.2.1', wrong);
  turnedAway('192.0.2.2', wrong);
  const [, enough = ''] = /^maxretry *= *(\d+)$/m.exec(readFileSync(JAIL, 'utf8')) ?? [];
  const [first] = heard.lines;
  assert.deepEqual(first?.[0], {
    event: 'turned-away',
    port: 'socks',
    from: '192.0.2.1',
    why: 'wrong user or password',
  });
  assert.ok(heard.lines.filter(([{ from }]) => from === '192.0.2.1').length >= Number(enough));
  assert.equal(heard.lines.length, 11);
  assert.equal(heard.told, 1001, 'the counters miss nothing');
  t.mock.timers.tick(60_000);
  assert.deepEqual(heard.lines[11]?.[0], { event: 'turned-away-more', port: 'socks', code: 'not-allowed', count: 990 });
  turnedAway('192.0.2.1', wrong);
  assert.equal(heard.lines.length, 13, 'and then it begins anew');
});

test('one IPv6 network is one address, and many addresses are bounded together, kind by kind', (t) => {
  const heard = hear(t);
  for (let number = 0; number < 50; number += 1) heard.incidents.at('control')(`2001:db8::${number}`, wrong);
  assert.equal(heard.lines.length, 10);
  for (let number = 0; number < 10_000; number += 1)
    heard.incidents.at('control')(`10.0.${number >> 8}.${number & 255}`, wrong);
  assert.equal(heard.lines.length, 300);
  heard.incidents.at('control')('10.0.0.1', new DepotError('timed-out', 'the handshake took too long'));
  assert.equal(heard.lines.length, 301, 'another kind is not drowned');
  heard.incidents[Symbol.dispose]();
  assert.deepEqual(heard.lines[301]?.[0], {
    event: 'turned-away-more',
    port: 'control',
    code: 'not-allowed',
    count: 9750,
  });
});
