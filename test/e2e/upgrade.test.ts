// A server that is replaced while it runs: nobody is refused, no request fails, no stream breaks that ends in time.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { untilSo } from '../faults/fault.ts';
import { App, collect, echoed, ending } from '../support/apps.ts';
import { depot, startLocal, startNewServer } from '../support/cli.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { handshake, openStream } from '../support/socks-client.ts';
import { UdpPeer } from '../support/udp.ts';

const UPGRADES = 5;
/** How long a process that was replaced may take to end once nothing runs in it. */
const END_MS = 60_000;
/** Between two new connections: more than fifty a second. */
const PAUSE_MS = 15;

interface Upgraded {
  readonly pid: number;
  readonly streams: number;
}

/** One that has ended and that nobody has asked for yet is none any more. */
const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

/** Server and local as programs, and whatever process has taken the server's place by now. */
const startBoth = async (...args: readonly string[]) => {
  const stack = new AsyncDisposableStack();
  const [home, localHome] = [stack.use(tempDir()).path, stack.use(tempDir()).path];
  const [server, printed] = await startNewServer(home, ...args);
  stack.use(server);
  const pids: number[] = [server.pid];
  stack.defer(() => {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  stack.use(await startLocal(localHome, printed.link));
  const upgrade = async (): Promise<Upgraded> => {
    const { code, stdout, stderr } = await depot(['upgrade', '--json', '--home', home]);
    assert.equal(code, 0, stderr);
    const upgraded = JSON.parse(stdout) as Upgraded;
    pids.push(upgraded.pid);
    return upgraded;
  };
  return { home, server, printed, pids, upgrade, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

describe('depot upgrade', () => {
  test(`${UPGRADES} times under load: nobody is refused, no request fails, no stream breaks`, async () => {
    await using app = await App.echo();
    await using both = await startBoth();
    const { socksPort, login } = both.printed;
    const target = { socksPort, login, host: 'home.depot', port: app.port };
    const visit = async (): Promise<void> => {
      const [wire, { reply }] = await handshake(target);
      using _ = wire;
      assert.equal(reply, 0);
      wire.finish(Buffer.from('hello'));
      assert.equal(String(await wire.rest()), 'hello');
    };
    const visits: Promise<void>[] = [];
    const load = setInterval(() => visits.push(visit()), PAUSE_MS);
    const lasting: net.Socket[] = [];
    try {
      for (let round = 0; round < UPGRADES; round += 1) {
        const streams = await Promise.all(Array.from({ length: 4 }, () => openStream(target)));
        const { pid, streams: carried } = await both.upgrade();
        assert.ok(carried >= streams.length, `${carried} streams are with the old process`);
        assert.ok(isAlive(pid));
        for (const stream of streams) await echoed(stream, `after upgrade ${round}`);
        lasting.push(...streams);
        // Those of the first rounds live through several.
        for (const stream of lasting.splice(0, lasting.length - 8)) {
          const answer = collect(stream);
          stream.end('last words');
          assert.equal(String(await answer), 'last words');
        }
      }
    } finally {
      clearInterval(load);
    }
    const outcomes = await Promise.allSettled(visits);
    assert.ok(visits.length > UPGRADES * 20, `${visits.length} visits`);
    assert.deepEqual(
      outcomes.filter(({ status }) => status === 'rejected'),
      [],
    );
    for (const stream of lasting) {
      await echoed(stream, 'still here');
      stream.destroy();
    }
    for (const pid of both.pids.slice(0, -1)) assert.notEqual(await untilSo(() => !isAlive(pid), END_MS), Infinity);
    await visit();
  });

  test('takes published ports and the dashboard along; what an operator changes counts for the old streams, too', async () => {
    await using app = await App.echo();
    await using datagrams = await UdpPeer.bind();
    // Any free one would be another one for the next process.
    const udp = await UdpPeer.freePort();
    const publish = (text: string): string[] => ['--publish', text];
    await using both = await startBoth(
      '--drain-ms',
      '86400000',
      ...publish(`0=home.depot:${app.port}`),
      ...publish(`${udp}/udp=home.depot:${datagrams.port}`),
    );
    const { socksPort, login } = both.printed;
    const tcp = Number(/published +\S+:(\d+) to/.exec(both.server.stdout)?.[1]);
    const dashboard = /http:\S+/.exec(both.server.stdout)?.[0] ?? '';
    const old = await openStream({ socksPort, login, host: 'home.depot', port: app.port });
    await both.upgrade();
    const socket = net.connect(tcp, LOOPBACK);
    await echoed(socket, 'through the published port');
    socket.destroy();
    await using peer = await UdpPeer.bind();
    peer.send('datagram', udp);
    assert.equal(String((await datagrams.next()).data), 'datagram');
    assert.equal((await fetch(new URL('/healthz', dashboard))).status, 200);
    // One stream in each of two processes that were replaced.
    const later = await openStream({ socksPort, login, host: 'home.depot', port: app.port });
    await both.upgrade();
    const ended = [ending(old), ending(later)];
    assert.equal((await depot(['user', 'remove', login.user, '--home', both.home])).code, 0);
    assert.deepEqual(await Promise.all(ended), ['rst', 'rst']);
  });

  test('that comes to nothing changes nothing, and says why', async () => {
    await using app = await App.echo();
    await using both = await startBoth();
    const { socksPort, login } = both.printed;
    writeFileSync(path.join(both.home, 'config.json'), '{ "rules": ["perhaps *"] }', { mode: 0o600 });
    const { code, stderr } = await depot(['upgrade', '--home', both.home]);
    assert.equal(code, 1);
    assert.match(stderr, /did not take over: .*"perhaps \*"/);
    const stream = await openStream({ socksPort, login, host: 'home.depot', port: app.port });
    await echoed(stream, 'hello');
    stream.destroy();
    assert.equal(isAlive(both.server.pid), true);
  });

  test('is for servers alone', async () => {
    await using pair = await Depot.pair();
    await assert.rejects(pair.server.upgrade(), { code: 'not-found' });
  });
});
