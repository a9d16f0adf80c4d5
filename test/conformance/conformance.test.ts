// depot by the checks of the conformance suite, in this process; and that the suite sees through a liar.

import assert from 'node:assert/strict';
import type net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { CHECKS, judgeAll, select } from './checks.ts';
import { comparison, single } from './report.ts';
import { judge, type Outcome, type Subject } from './trial.ts';

const onLoopback = { host: LOOPBACK, appHost: LOOPBACK, listenHost: LOOPBACK };

const start = async (): Promise<[Depot, Subject]> => {
  const depot = await Depot.pair({}, { allow: ['bind:127.0.0.1', '192.0.2.0/24', '224.0.0.0/4'], dialMs: 4000 });
  const forbidden = { host: '203.0.113.1', port: 443 };
  return [depot, { ...onLoopback, port: depot.socksPort, login: depot.login, forbidden }];
};

describe('depot', () => {
  let depot: Depot;
  let subject: Subject;
  let outcomes: readonly Outcome[];
  before(async () => {
    [depot, subject] = await start();
    outcomes = await judgeAll(
      CHECKS.filter(({ guesses }) => !guesses),
      subject,
    );
  });
  after(() => depot[Symbol.asyncDispose]());

  for (const check of CHECKS) {
    test(`${check.name}: ${check.expects}`, async (context) => {
      let outcome = outcomes.find((known) => known.check === check);
      if (outcome === undefined) {
        // Guessing slows its address down, so each of these has a server of its own, with nothing to forgive.
        const [other, otherSubject] = await start();
        await using _ = other;
        outcome = await judge(check, otherSubject);
      }
      if (outcome.verdict === 'not applicable') context.skip(outcome.saw);
      else assert.equal(outcome.verdict, 'pass', outcome.saw);
    });
  }
});

describe('a server that says yes to everything', () => {
  let liar: App;
  let outcomes: readonly Outcome[];
  before(async () => {
    liar = await App.listen((socket: net.Socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from([5, 0]));
        socket.once('data', () => socket.end(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])));
      });
    });
    const checks = select([
      'reply/refused',
      'reply/name',
      'reply/not-before',
      'reply/silent',
      'resolve/',
      'request/un',
    ]);
    outcomes = await judgeAll(checks, { ...onLoopback, port: liar.port });
  });
  after(() => liar[Symbol.asyncDispose]());

  test('fails', () => {
    assert.ok(outcomes.length >= 9);
    assert.deepEqual(
      outcomes.filter(({ verdict }) => verdict !== 'fail').map(({ check }) => check.name),
      [],
    );
  });

  test('is shown with the bytes that gave it away', () => {
    const outcome = outcomes.find(({ check }) => check.name === 'reply/refused');
    assert.match(outcome?.saw ?? '', /REP 0 instead of REP 5 \[received 05 00 05 00 00 01/);
    const report = { subject: 'liar', outcomes };
    assert.match(single(report), /reply\/refused +\| RFC 1928 §6 +\| \*\*fail\*\* +\|.*REP 0 instead of REP 5/);
    assert.match(comparison([report]), /- `reply\/refused`: REP 0 instead of REP 5/);
  });
});

test('who refuses an optional command with REP 7 does not support it; who refuses it otherwise fails', async () => {
  for (const [reply, verdict] of [
    [7, 'unsupported'],
    [1, 'fail'],
  ] as const) {
    await using server = await App.listen((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from([5, 0]));
        socket.once('data', () => socket.end(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])));
      });
    });
    const outcomes = await judgeAll(select(['udp/echo', 'bind/two', 'resolve/name']), {
      ...onLoopback,
      port: server.port,
    });
    assert.deepEqual(
      outcomes.map((outcome) => outcome.verdict),
      [verdict, verdict, verdict],
    );
  }
});
