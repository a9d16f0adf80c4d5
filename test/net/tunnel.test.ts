import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { INITIAL_WINDOW_BYTES } from '../../src/link/frames.ts';
import type { Endpoint } from '../../src/net/endpoint.ts';
import { Tunnel } from '../../src/net/tunnel.ts';
import { Collector, feed, randomData, sha256, turns } from '../support/endpoints.ts';
import { BOUND, NEVER, OPEN, type Requests, acceptedBy, streamOf, tunnelPair, windows } from '../support/link.ts';

const MIB = 1024 * 1024;

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof DepotError && error.code === code;

/** Opens one stream; both of its ends. */
const openStream = async (
  server: Tunnel,
  requests: Requests,
): Promise<{ readonly near: Endpoint; readonly far: Endpoint }> => {
  const opening = server.open(OPEN, NEVER);
  const { incoming } = await requests.next();
  incoming.answer({ bound: BOUND });
  return { near: streamOf(await opening), far: acceptedBy(incoming) };
};

const collect = (endpoint: Endpoint, options?: { readonly hold: boolean }): Collector => {
  const collector = new Collector(options);
  endpoint.readInto(collector);
  return collector;
};

const write = (endpoint: Endpoint, text: string): Promise<void> =>
  new Promise((resolve) => endpoint.write([Buffer.from(text)], resolve));

/** Reads like somebody who has other things to do: takes piece by piece, a few turns late. */
const drain = async (collector: Collector, bytes: number): Promise<void> => {
  let seen = 0;
  while (seen < bytes) {
    await collector.until(seen + 1);
    seen = collector.bytes;
    await turns(2);
    collector.take();
  }
};

describe('opening a stream', () => {
  it('brings the request to local and what really happened back', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const opening = server.open(OPEN, NEVER);
    const { open, incoming } = await requests.next();
    assert.deepEqual(open, OPEN);
    assert.equal(incoming.signal.aborted, false);
    incoming.answer({ bound: BOUND });
    assert.deepEqual((await opening).bound, BOUND);
    assert.equal(server.streams, 1);
  });

  it('that is refused rejects with what local said, and leaves the tunnel for the next', async (t) => {
    const { server, local, requests } = await tunnelPair(t);
    const opening = server.open(OPEN, NEVER);
    const { incoming } = await requests.next();
    incoming.answer(new DepotError('connection-refused', 'nas.lan:80: ECONNREFUSED'));
    await assert.rejects(opening, { code: 'connection-refused', message: 'nas.lan:80: ECONNREFUSED', reply: 5 });
    assert.deepEqual([server.streams, local.streams], [0, 0]);
    const { near, far } = await openStream(server, requests);
    await write(near, 'hi');
    const collector = collect(far);
    await collector.until(2);
    assert.equal(collector.text, 'hi');
  });

  it("that nobody waits for any more is taken back, and an answer that comes too late is nobody's", async (t) => {
    const { server, local, requests } = await tunnelPair(t);
    const aborter = new AbortController();
    const opening = server.open(OPEN, aborter.signal);
    const { incoming } = await requests.next();
    const gone = new DepotError('aborted', 'the client went away');
    const told = new Promise<unknown>((resolve) => {
      incoming.signal.addEventListener('abort', () => resolve(incoming.signal.reason));
    });
    aborter.abort(gone);
    await assert.rejects(opening, gone);
    assert.ok(hasCode('aborted')(await told));
    incoming.answer({ bound: BOUND });
    assert.deepEqual([server.streams, local.streams], [0, 0]);
    await openStream(server, requests);
    assert.ok(server.connection.isOpen && local.connection.isOpen);
  });

  it('with a signal that is aborted already rejects with its reason', async (t) => {
    const { server } = await tunnelPair(t);
    const gone = new DepotError('aborted', 'the client went away');
    await assert.rejects(server.open(OPEN, AbortSignal.abort(gone)), gone);
    assert.equal(server.streams, 0);
  });

  it('for a request of the control connection needs no open frame', async (t) => {
    const { server, local, requests } = await tunnelPair(t);
    const expecting = server.expect('connect', NEVER);
    local.adopt(OPEN);
    const { open, incoming } = await requests.next();
    assert.deepEqual(open, OPEN);
    incoming.answer({ bound: BOUND });
    assert.deepEqual((await expecting).bound, BOUND);
    await openStream(server, requests);
    assert.equal(server.streams, 2);
  });

  for (const command of ['resolve', 'resolve-ptr'] as const) {
    it(`for ${command} is over with its answer`, async (t) => {
      const { server, local, requests } = await tunnelPair(t);
      const opening = server.open({ ...OPEN, command }, NEVER);
      const { incoming } = await requests.next();
      incoming.answer({ bound: { host: 'nas.lan', port: 0 } });
      assert.deepEqual(await opening, { kind: 'answer', bound: { host: 'nas.lan', port: 0 } });
      assert.deepEqual([server.streams, local.streams], [0, 0]);
      await openStream(server, requests);
      assert.ok(server.connection.isOpen && local.connection.isOpen);
    });
  }

  it('on a tunnel that is lost fails at once', async (t) => {
    const { server, local } = await tunnelPair(t);
    local.connection.socket.destroy();
    await server.connection.closed;
    let outcome: unknown = 'still waiting';
    void server.open(OPEN, NEVER).catch((error: unknown) => {
      outcome = error;
    });
    await turns();
    assert.ok(outcome instanceof DepotError, String(outcome));
  });
});

describe('a stream', () => {
  it('carries bytes both ways, in order', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    const [atNear, atFar] = [collect(near), collect(far)];
    await Promise.all([write(near, 'question'), write(far, 'answer')]);
    await Promise.all([atNear.until(6), atFar.until(8)]);
    assert.deepEqual([atNear.text, atFar.text], ['answer', 'question']);
  });

  it('keeps what comes until somebody reads', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    await write(far, 'early');
    far.end();
    await turns();
    const collector = collect(near);
    await collector.ended;
    assert.equal(collector.text, 'early');
  });

  for (const pieceBytes of [1000, 16 * 1024, 65_536, 700_001]) {
    it(`changes nothing of 3 MiB each way in pieces of ${pieceBytes} bytes`, async (t) => {
      const { server, requests } = await tunnelPair(t);
      const { near, far } = await openStream(server, requests);
      const [up, down] = [randomData(3 * MIB), randomData(3 * MIB)];
      const [atNear, atFar] = [collect(near), collect(far)];
      await Promise.all([feed(near, up, pieceBytes), feed(far, down, pieceBytes), atNear.ended, atFar.ended]);
      assert.equal(sha256(...atFar.chunks), sha256(up));
      assert.equal(sha256(...atNear.chunks), sha256(down));
      // The FIN that was sent last counts once it has left.
      await turns();
      assert.equal(server.streams, 0);
    });
  }

  it('ends towards the app and goes on towards the client', async (t) => {
    const { server, local, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    const [atNear, atFar] = [collect(near), collect(far)];
    await write(near, 'request');
    near.end();
    await atFar.ended;
    assert.equal(atFar.text, 'request');
    await write(far, 'response');
    await atNear.until(8);
    assert.deepEqual(atNear.log.includes('end'), false);
    far.end();
    await atNear.ended;
    await turns();
    assert.deepEqual([server.streams, local.streams], [0, 0]);
  });

  it('ends towards the client and goes on towards the app', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    const [atNear, atFar] = [collect(near), collect(far)];
    far.end();
    await atNear.ended;
    await write(near, 'still here');
    near.end();
    await atFar.ended;
    assert.equal(atFar.text, 'still here');
  });

  it('sends its end after all that was written, also when that has to wait for the reader', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    const data = randomData(2 * MIB);
    const collector = collect(far, { hold: true });
    near.write([data], () => undefined);
    near.end();
    await drain(collector, data.length);
    await collector.ended;
    assert.equal(sha256(...collector.chunks), sha256(data));
    assert.equal(collector.log.indexOf('end'), collector.log.length - 1);
  });

  it('calls back when its end has left, and is over when both ends have', async (t) => {
    const { server, local, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    const [atNear, atFar] = [collect(near), collect(far)];
    const ends = [near, far].map((end) => new Promise<void>((resolve) => end.end(resolve)));
    await Promise.all([...ends, atNear.ended, atFar.ended]);
    assert.deepEqual([server.streams, local.streams], [0, 0]);
  });
});

describe('an abort', () => {
  for (const side of ['server', 'local'] as const) {
    it(`by ${side} is seen at the other end as an abort, with its reason, and never as an end`, async (t) => {
      const { server, local, requests } = await tunnelPair(t);
      const { near, far } = await openStream(server, requests);
      const [byWhom, atWhom] = side === 'server' ? [near, far] : [far, near];
      const collector = collect(atWhom);
      byWhom.reset(new DepotError('aborted', 'the connection ended early (ECONNRESET)'));
      const error = await collector.wasReset;
      assert.deepEqual([error.code, error.message], ['aborted', 'the connection ended early (ECONNRESET)']);
      await turns();
      assert.deepEqual(collector.log, ['reset']);
      assert.deepEqual([server.streams, local.streams], [0, 0]);
    });
  }

  it('before anybody reads is not forgotten', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    far.reset(new DepotError('aborted', 'gone'));
    await turns(20);
    assert.ok(hasCode('aborted')(await collect(near).wasReset));
  });

  it('after one direction has ended is still an abort for the other', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    const collector = collect(near);
    far.end();
    await collector.ended;
    far.reset(new DepotError('aborted', 'gone'));
    await collector.wasReset;
    assert.deepEqual(collector.log, ['end', 'reset']);
  });

  it('of what is over on the wire gives back what its window grew by', async (t) => {
    const ofServer = windows();
    const { budget } = ofServer;
    const isWhole = (): boolean => {
      const whole = budget.take(budget.limitBytes);
      if (whole) budget.giveBack(budget.limitBytes);
      return whole;
    };
    const { server, requests } = await tunnelPair(t, { ofServer });
    const { near, far } = await openStream(server, requests);
    const quick = collect(near);
    for (let bytes = MIB; isWhole(); bytes += MIB) {
      far.write([randomData(MIB)], () => undefined);
      await quick.until(bytes);
    }
    const stopped = collect(near, { hold: true });
    near.end();
    await write(far, 'nobody takes this');
    far.end();
    await stopped.until(1);
    while (server.streams > 0) await turns();
    assert.equal(isWhole(), false, 'what lies here still counts');
    near.reset(new DepotError('aborted', 'gone'));
    assert.equal(isWhole(), true);
  });

  it("makes what is still on its way nobody's business, and the tunnel goes on", async (t) => {
    const { server, local, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    far.write([randomData(MIB)], () => undefined);
    near.reset(new DepotError('aborted', 'gone'));
    await collect(far).wasReset;
    const next = await openStream(server, requests);
    await write(next.near, 'hi');
    await collect(next.far).until(2);
    assert.ok(server.connection.isOpen && local.connection.isOpen);
  });
});

describe('a tunnel that is lost', () => {
  it('aborts its streams at both ends, the open ones and those that wait for an answer', async (t) => {
    const { server, local, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    const [atNear, atFar] = [collect(near), collect(far)];
    const opening = server.open(OPEN, NEVER);
    const { incoming } = await requests.next();
    const told = new Promise((resolve) => {
      incoming.signal.addEventListener('abort', resolve);
    });
    local.connection.socket.destroy();
    await assert.rejects(opening, hasCode('connection-lost'));
    assert.ok(hasCode('connection-lost')(await atNear.wasReset));
    assert.ok(hasCode('connection-lost')(await atFar.wasReset));
    await told;
    for (const { log } of [atNear, atFar]) assert.deepEqual(log, ['reset']);
    assert.deepEqual([server.streams, local.streams], [0, 0]);
  });

  it('in order tells why', async (t) => {
    const { server, local, requests } = await tunnelPair(t);
    const { near } = await openStream(server, requests);
    const collector = collect(near);
    local.connection.close(new DepotError('stopped', 'this local was stopped'));
    assert.match((await collector.wasReset).message, /this local was stopped/);
  });
});

describe('a slow reader', () => {
  it('stops its own stream at its window and no other stream of the tunnel', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const [slow, fast] = [await openStream(server, requests), await openStream(server, requests)];
    const stopped = collect(slow.near, { hold: true });
    let allTaken = false;
    slow.far.write([randomData(4 * MIB)], () => {
      allTaken = true;
    });
    await stopped.until(1);
    const data = randomData(4 * MIB);
    const collector = collect(fast.near);
    await Promise.all([feed(fast.far, data, 100_000), collector.ended]);
    assert.equal(sha256(...collector.chunks), sha256(data));
    assert.equal(allTaken, false);
    assert.ok(stopped.bytes <= INITIAL_WINDOW_BYTES, `${stopped.bytes} bytes`);
  });

  it('that goes on gets the rest', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const { near, far } = await openStream(server, requests);
    const data = randomData(2 * MIB);
    const collector = collect(near, { hold: true });
    const sent = feed(far, data, 300_000);
    await drain(collector, data.length);
    await Promise.all([sent, collector.ended]);
    assert.equal(sha256(...collector.chunks), sha256(data));
  });

  it('is not waited for by a hundred streams beside it', async (t) => {
    const { server, requests } = await tunnelPair(t);
    const slow = await openStream(server, requests);
    const stopped = collect(slow.near, { hold: true });
    slow.far.write([randomData(MIB)], () => undefined);
    await stopped.until(1);
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const { near, far } = await openStream(server, requests);
        const collector = collect(near);
        await write(far, `stream ${index}`);
        far.end();
        await collector.ended;
        assert.equal(collector.text.startsWith('stream '), true);
      }),
    );
  });
});
