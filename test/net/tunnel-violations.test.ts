// What a broken or hostile other side can do to a tunnel: be told why, and lose it. Nothing else.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import {
  encodeDatagramFrame,
  encodeFrame,
  encodeJsonFrame,
  encodeWindow,
  FrameType,
  INITIAL_WINDOW_BYTES,
  MAX_DATA_BYTES,
} from '../../src/link/frames.ts';
import { encodeAddress } from '../../src/socks/address.ts';
import type { IncomingStream } from '../../src/net/tunnel.ts';
import { Collector } from '../support/endpoints.ts';
import {
  BOUND,
  localWithRawServer,
  NEVER,
  OPEN,
  type RawSide,
  serverWithRawLocal,
  acceptedBy,
  streamOf,
} from '../support/link.ts';

const GONE = new DepotError('aborted', 'gone');

const opened = encodeJsonFrame(FrameType.opened, 1, { bound: BOUND });
const refused = encodeJsonFrame(FrameType.refused, 1, { code: 'connection-refused', message: 'no' });
const reset = encodeJsonFrame(FrameType.reset, 1, { code: 'aborted', message: 'gone' });
const open = (stream: number): Uint8Array => encodeJsonFrame(FrameType.open, stream, OPEN);
const data = (stream: number, bytes = 1): Uint8Array => encodeFrame(FrameType.data, stream, new Uint8Array(bytes));
const listening = encodeJsonFrame(FrameType.listening, 1, { bound: BOUND });
const datagram = (stream: number): Uint8Array => encodeDatagramFrame(stream, encodeAddress(BOUND), new Uint8Array(1));
const fin = (stream: number): Uint8Array => encodeFrame(FrameType.fin, stream);

/** As much data as the first window allows, in frames as large as they may be. */
const wholeWindow = (): Uint8Array[] => {
  const frames: Uint8Array[] = [];
  for (let left = INITIAL_WINDOW_BYTES; left > 0; left -= MAX_DATA_BYTES) {
    frames.push(data(1, Math.min(left, MAX_DATA_BYTES)));
  }
  return frames;
};

const expectViolation = async (ended: Promise<DepotError>, why: RegExp): Promise<void> => {
  const error = await ended;
  assert.equal(error.code, 'protocol-violation');
  assert.match(error.message, why);
};

describe('a local that breaks the rules loses its tunnel, and is told why', () => {
  /** The server has asked for stream 1 and nobody has answered. */
  const WHILE_OPENING: readonly (readonly [what: string, frames: readonly Uint8Array[], why: RegExp])[] = [
    ['data before the answer', [data(1)], /data-in on a stream that is opening/],
    ['an end before the answer', [fin(1)], /fin-in on a stream that is opening/],
    ['two answers', [opened, opened], /opened/],
    ['a refusal after success', [opened, refused], /refused/],
    ['data for a stream that never was', [data(2)], /stream 2, which never was/],
    ['data for stream 0', [data(0)], /stream 0, which never was/],
    ['an answer for a stream that never was', [encodeJsonFrame(FrameType.opened, 7, { bound: BOUND })], /stream 7/],
    ['a stream opened from its side', [open(2)], /wrong side/],
    ['a stream opened from its side again', [open(1)], /opened twice/],
    ['data after its end', [opened, fin(1), data(1)], /data-in on a stream that is fin-received/],
    ['two ends', [opened, fin(1), fin(1)], /fin-in on a stream that is fin-received/],
    ['more data than the window allows', [opened, ...wholeWindow(), data(1)], /more data than the window/],
    ['a window of three bytes', [opened, encodeFrame(FrameType.window, 1, new Uint8Array(3))], /3 bytes/],
    ['a window beyond all measure', [opened, encodeWindow(1, 0xffff_ffff)], /larger than any/],
    ['windows beyond all measure', [opened, encodeWindow(1, 2 ** 30), encodeWindow(1, 2 ** 30)], /larger than any/],
    ['an answer that is no JSON', [encodeFrame(FrameType.opened, 1, Buffer.from('{'))], /no JSON/],
    ['an answer of the wrong form', [encodeJsonFrame(FrameType.opened, 1, {})], /wrong form/],
    ['a reset of the wrong form', [encodeJsonFrame(FrameType.reset, 1, {})], /wrong form/],
    ['a place to connect to, on a stream that is no bind', [listening], /listening frame for stream 1, which carries/],
    ['a place to connect to, for a stream that never was', [encodeJsonFrame(FrameType.listening, 7, {})], /stream 7/],
    ['a datagram before the answer', [datagram(1)], /datagram frame for stream 1, which carries something else/],
    ['a datagram on a stream of bytes', [opened, datagram(1)], /datagram frame for stream 1, which carries something/],
    ['a datagram for a stream that never was', [datagram(2)], /stream 2, which never was/],
    ['a hello', [encodeJsonFrame(FrameType.hello, 1, {})], /hello frame on a tunnel/],
    ['a welcome', [encodeJsonFrame(FrameType.welcome, 1, {})], /welcome frame on a tunnel/],
    ['a message of the control connection', [encodeJsonFrame(FrameType.control, 1, {})], /control frame on a tunnel/],
    ['a frame of no known type', [Uint8Array.of(0x7f, 0, 0, 0, 0, 0, 0, 1)], /unknown type 0x7f/],
    ['a frame that is too large', [Uint8Array.of(FrameType.data, 0xff, 0xff, 0xff, 0, 0, 0, 1)], /at most/],
    ['a ping that is too short', [encodeFrame(FrameType.ping, 0, new Uint8Array(7))], /ping of 7 bytes/],
    ['a pong that is too long', [encodeFrame(FrameType.pong, 0, new Uint8Array(9))], /pong of 9 bytes/],
  ];
  for (const [what, frames, why] of WHILE_OPENING) {
    it(`for ${what}`, async (t) => {
      const { server, raw, ended } = await serverWithRawLocal(t);
      const outcome = server.open(OPEN, NEVER).then(
        (connection) => {
          const collector = new Collector({ hold: true });
          streamOf(connection).readInto(collector);
          return collector.wasReset;
        },
        (error: unknown) => error,
      );
      const asked = await raw.next(FrameType.open);
      assert.equal(asked.stream, 1);
      raw.send(...frames);
      await expectViolation(ended, why);
      assert.ok((await outcome) instanceof DepotError, 'the stream is aborted, or was never there');
      assert.equal(server.streams, 0);
    });
  }
});

describe('a local that misuses the announcement of a bind loses its tunnel, and is told why', () => {
  const RULES: readonly (readonly [what: string, frames: readonly Uint8Array[], why: RegExp])[] = [
    ['twice', [listening, listening], /listening frame for stream 1/],
    ['after the app has connected', [listening, opened, listening], /listening .*stream 1/],
    ['without an address', [encodeJsonFrame(FrameType.listening, 1, {})], /wrong form/],
  ];
  for (const [what, frames, why] of RULES) {
    it(what, async (t) => {
      const { server, raw, ended } = await serverWithRawLocal(t);
      let announced = 0;
      const opening = server.open({ ...OPEN, command: 'bind' }, NEVER, { listening: () => (announced += 1) });
      opening.catch(() => undefined);
      await raw.next(FrameType.open);
      raw.send(...frames);
      await expectViolation(ended, why);
      assert.equal(announced, frames[0] === listening ? 1 : 0);
    });
  }
});

describe('a server that breaks the rules loses its tunnel, and is told why', () => {
  const RULES: readonly (readonly [what: string, frames: readonly Uint8Array[], why: RegExp])[] = [
    ['a stream opened twice', [open(1), open(1)], /stream 1 was opened twice/],
    ['a stream opened out of order', [open(5), open(4)], /stream 4 was opened twice/],
    ['stream 0', [open(0)], /stream 0/],
    ['a request of the wrong form', [encodeJsonFrame(FrameType.open, 1, { ...OPEN, from: '' })], /wrong form/],
    ['data before our answer', [open(1), data(1)], /data-in on a stream that is opening/],
    ['an answer, which is for us to give', [open(1), opened], /opened/],
    ['a refusal, which is for us to give', [open(1), refused], /refused/],
    ['data for a stream that never was', [data(1)], /never was/],
    [
      'a place to connect to, which is for us to tell',
      [open(1), listening],
      /listening for stream 1, which we did not/,
    ],
    ['a datagram on a stream of bytes', [open(1), datagram(1)], /datagram frame for stream 1, which carries something/],
  ];
  for (const [what, frames, why] of RULES) {
    it(`for ${what}`, async (t) => {
      const { raw, ended } = await localWithRawServer(t);
      raw.send(...frames);
      await expectViolation(ended, why);
    });
  }

  it('and whoever dials for it learns that nobody waits any more', async (t) => {
    const { raw, requests, ended } = await localWithRawServer(t);
    raw.send(open(1));
    const { incoming } = await requests.next();
    const told = new Promise((resolve) => {
      incoming.signal.addEventListener('abort', resolve);
    });
    raw.send(data(9));
    await Promise.all([ended, told]);
    assert.doesNotThrow(() => incoming.answer({ bound: BOUND }));
    assert.doesNotThrow(() => acceptedBy(incoming).write([new Uint8Array(1)], () => undefined));
    assert.doesNotThrow(() => acceptedBy(incoming).reset(GONE));
  });
});

describe('what is no violation', () => {
  const openRaw = async (
    t: TestContext,
  ): Promise<{ readonly raw: RawSide; readonly incoming: IncomingStream; readonly isAlive: () => Promise<void> }> => {
    const { raw, requests } = await localWithRawServer(t);
    raw.send(open(1));
    const { incoming } = await requests.next();
    const answered = raw.next(FrameType.opened);
    incoming.answer({ bound: BOUND });
    await answered;
    /** A stream that is asked for now comes through: the tunnel is as good as before. */
    const isAlive = async (): Promise<void> => {
      raw.send(open(90_000));
      const asked = async (): Promise<void> => {
        let id = 0;
        while (id !== 90_000) ({ id } = acceptedBy((await requests.next()).incoming));
      };
      const closed = raw.connection.closed.then((error) => assert.fail(`the tunnel was closed: ${error.message}`));
      await Promise.race([asked(), closed]);
    };
    return { raw, incoming, isAlive };
  };

  it('is anything that was on its way when the stream was aborted', async (t) => {
    const { raw, incoming, isAlive } = await openRaw(t);
    const gone = raw.next(FrameType.reset);
    acceptedBy(incoming).reset(GONE);
    await gone;
    raw.send(data(1, 1000), encodeWindow(1, 5), fin(1), reset);
    await isAlive();
  });

  it('is exactly as much data as the window allows', async (t) => {
    const { raw, incoming, isAlive } = await openRaw(t);
    const collector = new Collector({ hold: true });
    acceptedBy(incoming).readInto(collector);
    raw.send(...wholeWindow());
    await isAlive();
    await collector.until(1);
    assert.deepEqual(collector.log, ['write']);
  });

  it('is an empty data frame', async (t) => {
    const { raw, isAlive } = await openRaw(t);
    raw.send(data(1, 0));
    await isAlive();
  });

  it('is a number that was left out', async (t) => {
    const { raw, isAlive } = await openRaw(t);
    raw.send(open(3), encodeJsonFrame(FrameType.reset, 3, { code: 'aborted', message: 'gone' }));
    await isAlive();
  });
});
