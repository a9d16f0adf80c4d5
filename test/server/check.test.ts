// `depot check`: each way in which a target can be out of reach is told at its own step, with what to change.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DepotError } from '../../src/index.ts';
import { Checker } from '../../src/server/check.ts';
import type { CheckQuestion, CheckResult } from '../../src/watch/check.ts';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';

const stepOf = ({ steps }: CheckResult, name: string): CheckResult['steps'][number] => {
  const step = steps.find((one) => one.step === name);
  assert.ok(step, name);
  return step;
};

const verdicts = ({ steps }: CheckResult): string => steps.map(({ verdict }) => verdict).join(' ');

describe('a check', () => {
  let depot: Depot;
  const apps = new AsyncDisposableStack();
  let silent: App;
  let talkative: App;
  let curt: App;
  before(async () => {
    const resolve = async (host: string): Promise<readonly string[]> => {
      if (host === LOOPBACK || host === 'localhost') return [LOOPBACK];
      if (host === 'router.lan') return ['192.0.2.1'];
      throw new DepotError('name-unknown', `${host}: ENOTFOUND`);
    };
    depot = await Depot.pair({ rules: ['deny *:25', 'allow *'] }, { resolve });
    silent = apps.use(await App.listen(() => undefined));
    talkative = apps.use(await App.listen((socket) => socket.write('SSH-2.0-x\r\n')));
    curt = apps.use(await App.listen((socket) => socket.end()));
    await depot.addUser('alice', ['home'], { from: ['203.0.113.0/24'], rules: ['deny *:26'] });
    await depot.addUser('bob', [], { validUntil: 1 });
  });
  after(async () => {
    await apps.disposeAsync();
    await depot[Symbol.asyncDispose]();
  });

  const check = (target: string, more: Omit<CheckQuestion, 'target'> = {}): Promise<CheckResult> =>
    depot.server.check({ target, ...more });

  it('passes every step, each with its time, and says that the app waits for its client', async () => {
    const result = await check(`home.depot:${silent.port}`, { user: 'owner' });
    assert.equal(verdicts(result), 'passed passed passed passed passed passed passed');
    assert.ok(result.steps.every(({ ms, advice }) => ms !== null && ms >= 0 && advice === null));
    assert.match(stepOf(result, 'first-byte').reason, /waits for the client/);
    assert.deepEqual([result.allowed, result.reply, result.code, result.local], [true, 0, null, 'home']);
  });

  it('takes a URL, and an address with its local beside it', async () => {
    assert.equal((await check(`http://home.depot:${silent.port}/x?y`)).allowed, true);
    assert.equal((await check(`127.0.0.1:${silent.port}`, { local: 'home' })).allowed, true);
  });

  it('tells an app that speaks first from one that hangs up', async () => {
    assert.match(stepOf(await check(`home.depot:${talkative.port}`), 'first-byte').reason, /spoke first/);
    const hungUp = stepOf(await check(`home.depot:${curt.port}`), 'first-byte');
    assert.equal(hungUp.verdict, 'failed');
    assert.match(hungUp.advice ?? '', /access list/);
  });

  it('leaves nothing running', async () => {
    await check(`home.depot:${silent.port}`);
    assert.equal(depot.server.status().streams.length, 0);
    assert.equal(depot.server.status().locals[0]?.tunnels.busy, 0);
  });

  const FAILURES: readonly (readonly [
    what: string,
    target: () => string,
    more: Omit<CheckQuestion, 'target'>,
    expected: { verdicts: string; code: string; step: string; advice: RegExp },
  ])[] = [
    [
      'a user that is not there',
      () => 'home.depot:80',
      { user: 'carol' },
      {
        verdicts: 'failed skipped skipped skipped skipped skipped skipped',
        code: 'not-allowed',
        step: 'identity',
        advice: /depot user add carol/,
      },
    ],
    [
      'a user whose time is over',
      () => 'home.depot:80',
      { user: 'bob' },
      {
        verdicts: 'failed skipped skipped skipped skipped skipped skipped',
        code: 'not-allowed',
        step: 'identity',
        advice: /depot user set bob --until/,
      },
    ],
    [
      'a user that comes from elsewhere',
      () => 'home.depot:80',
      { user: 'alice', from: '198.51.100.7' },
      {
        verdicts: 'failed skipped skipped skipped skipped skipped skipped',
        code: 'not-allowed',
        step: 'identity',
        advice: /depot user set alice --from/,
      },
    ],
    [
      'a local that nobody knows',
      () => 'x.office.depot:80',
      {},
      {
        verdicts: 'passed failed skipped skipped skipped skipped skipped',
        code: 'no-such-local',
        step: 'route',
        advice: /depot invite/,
      },
    ],
    [
      'a rule of the server',
      () => 'home.depot:25',
      {},
      {
        verdicts: 'passed passed failed skipped skipped skipped skipped',
        code: 'not-allowed',
        step: 'server-rules',
        advice: /allow localhost:25/,
      },
    ],
    [
      'a name that the local does not know',
      () => 'nowhere.home.depot:80',
      {},
      {
        verdicts: 'passed passed passed failed skipped skipped skipped',
        code: 'name-unknown',
        step: 'dns',
        advice: /home has to know the name/,
      },
    ],
    [
      'a rule of the local',
      () => 'router.lan.home.depot:80',
      {},
      {
        verdicts: 'passed passed passed passed failed skipped skipped',
        code: 'not-allowed',
        step: 'local-rules',
        advice: /--allow 'router\.lan:80'/,
      },
    ],
    [
      'a port where nothing listens',
      () => `home.depot:${closedPort}`,
      {},
      {
        verdicts: 'passed passed passed passed passed failed skipped',
        code: 'connection-refused',
        step: 'dial',
        advice: /start the app/,
      },
    ],
  ];
  let closedPort = 0;
  before(async () => {
    closedPort = await App.closedPort();
  });
  for (const [what, target, more, expected] of FAILURES) {
    it(`finds ${what}, and says what to change`, async () => {
      const result = await check(target(), more);
      const { advice, verdict } = stepOf(result, expected.step);
      assert.deepEqual([verdicts(result), result.code, verdict], [expected.verdicts, expected.code, 'failed']);
      assert.match(advice ?? '', expected.advice);
      assert.equal(result.allowed, false);
      assert.notEqual(result.reply, 0);
    });
  }

  it('supposes that the client comes from where its user may come', async () => {
    const result = await check(`home.depot:${silent.port}`, { user: 'alice' });
    assert.equal(stepOf(result, 'identity').verdict, 'passed');
  });

  it('refuses a target that is none', async () => {
    for (const target of ['nas.depot', 'nas.depot:0', 'nonsense://']) {
      await assert.rejects(check(target), { code: 'invalid-argument' }, target);
    }
    await assert.rejects(check('home.depot:80', { local: 'home' }), { code: 'invalid-argument' });
    await assert.rejects(check('home.depot:80', { from: 'somewhere' }), { code: 'invalid-argument' });
  });

  it('says what an old local did not tell', async () => {
    const checker = new Checker({
      gate: { decide: (asked) => depot.server.decide(asked) },
      networksOf: () => [],
      connector: { askInTurn: () => Promise.reject(new DepotError('connection-refused', 'nobody there')) },
    });
    const result = await checker.check({ target: 'home.depot:80' });
    assert.equal(verdicts(result), 'passed passed passed skipped skipped failed skipped');
    assert.match(stepOf(result, 'local-rules').reason, /too old/);
  });
});
