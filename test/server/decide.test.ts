import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Decision, decide } from '../../src/server/decide.ts';
import { NO_LIMITS, type UserLimits } from '../../src/rules/limits.ts';
import { parseOrderedRule } from '../../src/rules/ordered.ts';

interface World {
  readonly limits?: Partial<UserLimits>;
  readonly locals?: readonly string[];
  readonly streams?: number;
  readonly usedBytes?: number;
  readonly rules?: readonly string[];
  readonly connected?: readonly string[];
}

const NOW_MS = Date.UTC(2026, 10, 25, 12);

const ask = (
  {
    limits: some = {},
    locals = ['nas', 'pi'],
    streams = 0,
    usedBytes = 0,
    rules = [],
    connected = ['nas', 'pi'],
  }: World,
  question: { host?: string; user?: string | undefined; command?: 'connect' | 'associate' | 'bind' } = {},
): Decision => {
  const { host, user, command } = { host: 'a', user: 'alice', command: 'connect', ...question } as const;
  const limits = { ...NO_LIMITS, ...some };
  const alice = { locals, limits, rules: limits.rules.map(parseOrderedRule) };
  return decide(
    { command, destination: { host, port: 80 }, user, from: '192.0.2.7' },
    {
      user: (name) => (name === 'alice' ? alice : undefined),
      anonymous: false,
      rules: rules.map(parseOrderedRule),
      routes: {
        all: () => ['nas', 'pi'],
        known: () => true,
        connected: (name) => connected.includes(name),
        draining: () => false,
        group: () => undefined,
        streams: () => 0,
      },
      streams: () => streams,
      usedBytes: () => usedBytes,
      nowMs: NOW_MS,
      clock: () => 0,
    },
  );
};

describe('the decision about a request', () => {
  it('says every step, and where to go', () => {
    const decision = ask({});
    assert.equal(decision.allowed, true);
    assert.deepEqual(
      decision.steps.map(({ step }) => step),
      ['user', 'valid-until', 'from', 'month', 'streams', 'route', 'rules'],
    );
    assert.deepEqual(
      decision.candidates.map(({ local }) => local),
      ['nas', 'pi'],
    );
  });

  const REFUSED: readonly (readonly [what: string, world: World, code: string, reason: RegExp])[] = [
    ['after its last day', { limits: { validUntil: NOW_MS } }, 'not-allowed', /was valid until 2026-11-25 12:00 UTC/],
    [
      'from elsewhere',
      { limits: { from: ['10.0.0.0/8'] } },
      'not-allowed',
      /not come from 192\.0\.2\.7.*10\.0\.0\.0\/8/,
    ],
    [
      'with its bytes used up',
      { limits: { monthlyBytes: 9 }, usedBytes: 9 },
      'quota-exceeded',
      /9 bytes of this month/,
    ],
    [
      'with too many streams',
      { limits: { maxStreams: 2 }, streams: 2 },
      'too-many-streams',
      /has 2 streams.*2 at once/,
    ],
    ['with nobody connected', { connected: [] }, 'local-away', /none of nas, pi/],
    ['by a rule of its own', { limits: { rules: ['deny *'] } }, 'not-allowed', /the rule "deny \*"/],
    ['by a rule for everybody', { rules: ['deny *:80'] }, 'not-allowed', /the rule "deny \*:80"/],
  ];
  for (const [what, world, code, reason] of REFUSED) {
    it(`refuses a user ${what}, and says so`, () => {
      const decision = ask(world);
      assert.deepEqual([decision.allowed, decision.code, decision.candidates], [false, code, []]);
      assert.match(decision.reason, reason);
      assert.equal(decision.steps.at(-1)?.allowed, false);
      assert.equal(decision.steps.at(-1)?.reason, decision.reason);
    });
  }

  const ALLOWED: readonly (readonly [what: string, world: World])[] = [
    ['on its last moment', { limits: { validUntil: NOW_MS + 1 } }],
    ['from where it may come', { limits: { from: ['10.0.0.0/8', '192.0.2.0/24'] } }],
    ['with a byte left', { limits: { monthlyBytes: 10 }, usedBytes: 9 }],
    ['with a stream left', { limits: { maxStreams: 2 }, streams: 1 }],
    ['by its own rule before those for everybody', { limits: { rules: ['allow *:80'] }, rules: ['deny *'] }],
  ];
  for (const [what, world] of ALLOWED) {
    it(`allows a user ${what}`, () => assert.equal(ask(world).reason !== '' && ask(world).allowed, true));
  }

  it('leaves out locals whose targets the rules forbid', () => {
    const { candidates } = ask({ limits: { rules: ['deny *.nas.depot'] } });
    assert.deepEqual(
      candidates.map(({ local }) => local),
      ['pi'],
    );
  });

  it('sends along what only the address can tell', () => {
    const { candidates } = ask({ limits: { rules: ['deny 10.0.0.0/8'] } });
    assert.deepEqual(candidates[0]?.addressRules, [
      { allow: false, addresses: '10.0.0.0/8', rule: 'deny 10.0.0.0/8' },
      { allow: true, addresses: '*', rule: '' },
    ]);
  });

  it('has the rules for everybody count for anonymous clients too', () => {
    assert.equal(ask({ rules: ['deny *:80'] }, { user: undefined, host: 'nas.depot' }).code, 'not-allowed');
    assert.equal(ask({}, { user: undefined, host: 'nas.depot' }).allowed, true);
  });

  it('refuses a user that is gone', () => assert.match(ask({}, { user: 'bob' }).reason, /no user bob/));

  it('refuses what does not say where it goes while there are rules about that', () => {
    assert.equal(ask({ rules: ['deny *:22'] }, { command: 'bind' }).code, 'not-allowed');
    assert.equal(ask({}, { command: 'bind' }).allowed, true);
  });

  it('leaves an association to what is decided about each of its datagrams', () => {
    assert.equal(ask({ rules: ['deny *:22'] }, { command: 'associate' }).allowed, true);
  });
});
