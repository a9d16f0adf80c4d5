// Published UDP ports: a program that knows nothing of proxies, on either side; who must not get in; and what is bounded.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServerOptions, type ServerStatus, type StreamEnd } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK, serverIn, tempDir } from '../support/depot.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { openStream } from '../support/socks-client.ts';
import { udpEcho, UdpPeer } from '../support/udp.ts';

type Published = NonNullable<ServerOptions['publish']>[number];

const portOf = ({ published }: Pick<ServerStatus, 'published'>, index = 0): number =>
  Number(published[index]?.listen.split(':').pop());

/** Sends to a published port, and reads what comes back. */
const ask = async (peer: UdpPeer, port: number, text: string, host?: string): Promise<string> => {
  peer.send(text, port, host);
  const answer = await peer.next();
  assert.equal(answer.port, port, 'the published port answers');
  return answer.data.toString();
};

const nextEnd = async (events: unknown): Promise<StreamEnd> => {
  const [end] = (await once(events as EventEmitter, 'streamEnd')) as [StreamEnd];
  return end;
};

let echo: UdpPeer;
/** A port that leads to the echo. */
const toEcho = (more: Partial<Published> = {}): Published => ({
  protocol: 'udp',
  listen: 0,
  to: `home.depot:${echo.port}`,
  ...more,
});

before(async () => {
  echo = await udpEcho();
});
after(() => echo[Symbol.asyncDispose]());

describe('published UDP ports', () => {
  let depot: Depot;
  before(async () => {
    const publish = [
      toEcho({ user: 'bob' }),
      toEcho({ host: '::', from: ['127.0.0.0/8', '::1'] }),
      toEcho({ user: 'erin' }),
    ];
    depot = await Depot.pair({ publish });
    await depot.addUser('bob');
    await depot.addUser('erin', [], { rules: ['allow home.depot:9'] });
  });
  after(() => depot[Symbol.asyncDispose]());

  test('lead to their target and back, datagram by datagram, each address for itself', async () => {
    await using one = await UdpPeer.bind();
    await using other = await UdpPeer.bind('127.0.0.2');
    const port = portOf(depot.server.status());
    for (const text of ['', 'a', 'b'.repeat(9000)])
      for (const peer of [one, other]) assert.equal(await ask(peer, port, text), text);
    const streams = depot.server.status().streams.map(({ command, user, from, target, bytesUp }) => {
      return { command, user, from, target, bytesUp };
    });
    const same = { command: 'associate', user: 'bob', target: { host: 'home.depot', port: echo.port }, bytesUp: 9001 };
    assert.deepEqual(streams, [
      { ...same, from: LOOPBACK },
      { ...same, from: '127.0.0.2' },
    ]);
  });

  test('what is sent before there is a way waits', async () => {
    await using peer = await UdpPeer.bind();
    const texts = ['1', '2', '3'];
    for (const text of texts) peer.send(text, portOf(depot.server.status()));
    for (const text of texts) assert.equal((await peer.next()).data.toString(), text);
  });

  test('listen on both families where they listen everywhere', async () => {
    const port = portOf(depot.server.status(), 1);
    await using four = await UdpPeer.bind();
    await using six = await UdpPeer.bind('::1');
    assert.equal(await ask(four, port, 'four'), 'four');
    assert.equal(await ask(six, port, 'six', '::1'), 'six');
  });

  test('keep to the rules of the user that they name', async () => {
    await using peer = await UdpPeer.bind();
    peer.send('no', portOf(depot.server.status(), 2));
    while (depot.server.status().streams.every(({ user, dropped }) => user !== 'erin' || dropped === 0))
      await new Promise((resolve) => void setImmediate(resolve));
    assert.equal(await ask(peer, portOf(depot.server.status()), 'yes'), 'yes');
    assert.equal(peer.waiting, 0);
  });

  test('are there on a client, as its user', async () => {
    const client = await depot.addClient('bob', { publish: [toEcho()] });
    await using peer = await UdpPeer.bind();
    assert.equal(await ask(peer, portOf(client.status()), 'from the laptop'), 'from the laptop');
    const [stream] = client.status().streams;
    assert.deepEqual([stream?.command, stream?.target.port], ['associate', echo.port]);
    const ended = nextEnd(depot.server.events);
    await client.stop();
    const { user, bytesUp, error } = await ended;
    assert.deepEqual([user, bytesUp, error?.code], ['bob', 15, 'stopped']);
  });

  test('hear the target alone, not another port of its host', async () => {
    await using app = await UdpPeer.bind();
    await using other = await UdpPeer.bind();
    await using own = await Depot.pair({ publish: [toEcho({ to: `home.depot:${app.port}` })] });
    await using peer = await UdpPeer.bind();
    peer.send('question', portOf(own.server.status()));
    const { port } = await app.next();
    other.send('from another port', port);
    app.send('answer', port);
    assert.equal((await peer.next()).data.toString(), 'answer');
  });
});

describe('who is not let in', () => {
  test('is whoever is not on the list; the log says so once, and no stream begins', async () => {
    const { log, lines } = recordedLog();
    await using depot = await Depot.pair({ publish: [toEcho({ from: ['127.0.0.2'] })], log });
    const port = portOf(depot.server.status());
    let streams = 0;
    depot.server.events.on('streamStart', () => (streams += 1));
    await using stranger = await UdpPeer.bind();
    await using friend = await UdpPeer.bind('127.0.0.2');
    stranger.send('one', port);
    stranger.send('two', port);
    assert.equal(await ask(friend, port, 'three'), 'three');
    const turnedAway = lines.filter(([{ event }]) => event === 'turned-away');
    assert.deepEqual([stranger.waiting, streams, turnedAway.length], [0, 1, 1]);
    assert.match(turnedAway[0]?.[1] ?? '', /127\.0\.0\.1: it may not send to published UDP port/);
  });

  test('is one more than there may be, until one is gone', async () => {
    const { log, message } = recordedLog();
    await using depot = await Depot.pair({ publish: [toEcho()], udpPeersMax: 1, log });
    const port = portOf(depot.server.status());
    await using first = await UdpPeer.bind();
    await using second = await UdpPeer.bind();
    assert.equal(await ask(first, port, '1'), '1');
    const full = message('turned-away');
    second.send('2', port);
    assert.match(await full, /there are 1 others at published UDP port/);
    assert.equal(await ask(first, port, '3'), '3');
    assert.equal(second.waiting, 0);
    const ended = nextEnd(depot.server.events);
    depot.server.kick(String(depot.server.status().streams[0]?.id));
    await ended;
    assert.equal(await ask(second, port, '4'), '4');
  });

  test('for want of room is let in by its next datagrams, once there is room', async () => {
    await using app = await App.echo();
    const { log, message } = recordedLog();
    await using depot = await Depot.pair({ publish: [toEcho()], streamsMax: 1, log });
    const port = portOf(depot.server.status());
    const stream = await openStream(depot.target('home.depot', app.port));
    await using peer = await UdpPeer.bind();
    const full = message('descriptors-short');
    peer.send('no room', port);
    await full;
    const ended = nextEnd(depot.server.events);
    stream.destroy();
    await ended;
    // Whoever was refused is left alone for a second.
    for (let tries = 0; peer.waiting === 0 && tries < 100; tries += 1) {
      peer.send('room', port);
      await sleep(50);
    }
    assert.ok(peer.waiting > 0, 'it was never let in');
    assert.equal((await peer.next()).data.toString(), 'room');
  });

  test('is left alone for a moment where it is refused: not every datagram is a request', async () => {
    await using depot = await Depot.pair({ publish: [toEcho({ user: 'nobody' }), toEcho({ user: 'owner' })] });
    await using peer = await UdpPeer.bind();
    const ended = nextEnd(depot.server.events);
    peer.send('1', portOf(depot.server.status()));
    assert.equal((await ended).error?.code, 'not-allowed');
    let streams = 0;
    depot.server.events.on('streamStart', () => (streams += 1));
    for (let index = 0; index < 20; index += 1) peer.send('again', portOf(depot.server.status()));
    assert.equal(await ask(peer, portOf(depot.server.status(), 1), 'yes'), 'yes');
    assert.equal(streams, 1);
  });
});

describe('an end', () => {
  test('comes when nothing moves, in order, and the next datagram begins anew', async () => {
    await using depot = await Depot.pair({ publish: [toEcho()], udpIdleMs: 100 });
    const port = portOf(depot.server.status());
    await using peer = await UdpPeer.bind();
    for (let round = 0; round < 2; round += 1) {
      const ended = nextEnd(depot.server.events);
      assert.equal(await ask(peer, port, 'hello'), 'hello');
      const { bytesUp, bytesDown, error } = await ended;
      assert.deepEqual([bytesUp, bytesDown, error], [5, 5, undefined]);
    }
  });

  test('waits for those who are there when the server drains, and lets in nobody else', async () => {
    await using depot = await Depot.pair({ publish: [toEcho()] });
    const port = portOf(depot.server.status());
    await using peer = await UdpPeer.bind();
    await using late = await UdpPeer.bind();
    assert.equal(await ask(peer, port, '1'), '1');
    const stopped = depot.server.stop({ drain: true });
    late.send('2', port);
    assert.equal(await ask(peer, port, '3'), '3');
    assert.equal(late.waiting, 0);
    await depot.server.stop();
    await stopped;
    await using again = await UdpPeer.bind(LOOPBACK, port);
    assert.equal(again.port, port, 'the port is free');
  });
});

test('a UDP port that is taken, or open to others, is refused with what to do', async () => {
  using home = tempDir();
  const start = (publish: object): Promise<unknown> =>
    serverIn(home.path, {
      publish: [{ protocol: 'udp', listen: echo.port, to: 'home.depot:53', ...publish }],
    });
  await assert.rejects(start({}), new RegExp(`published UDP port .*:${echo.port}.*--publish`));
  await assert.rejects(start({ host: '::' }), /publish\[0\]\.from/);
});
