import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type tls from 'node:tls';
import { DepotError } from '../../src/errors.ts';
import { encodeFrame, FrameType, MAX_DATA_BYTES } from '../../src/link/frames.ts';
import { concat } from '../support/bytes.ts';
import { randomData, sha256, turns } from '../support/endpoints.ts';
import { RawSide, tlsPair } from '../support/link.ts';

const STOPPED = new DepotError('stopped', 'the server was stopped');
const PATIENT = { heartbeatMs: 60_000, deadAfterMs: 120_000 };

const pair = async (
  t: TestContext,
  prepare: (socket: tls.TLSSocket) => void,
): Promise<{ readonly near: RawSide; readonly far: RawSide }> => {
  const { server, local } = await tlsPair(t);
  prepare(server);
  return { near: new RawSide(server), far: new RawSide(local) };
};

/** Both ways of reading TLS have to be the same to whoever looks at the frames. */
const WAYS: Readonly<Record<string, (socket: tls.TLSSocket) => void>> = {
  'where Node is as expected': () => undefined,
  'where Node is not as expected': (socket) => {
    const { _handle: handle } = socket as unknown as { _handle: { useUserBuffer: unknown } };
    handle.useUserBuffer = undefined;
  },
};

for (const [way, prepare] of Object.entries(WAYS)) {
  describe(`a connection of frames, ${way}`, () => {
    it('hears every frame in order, also those that came before it was there', async (t) => {
      const { server, local } = await tlsPair(t);
      prepare(server);
      const far = new RawSide(local);
      far.send(...[1, 2, 3].map((stream) => encodeFrame(FrameType.fin, stream)));
      await turns(10);
      const near = new RawSide(server);
      const last = near.next(FrameType.window);
      far.send(encodeFrame(FrameType.fin, 4), encodeFrame(FrameType.window, 5, new Uint8Array(4)));
      await last;
      assert.deepEqual(
        near.heard.map(({ stream }) => stream),
        [1, 2, 3, 4, 5],
      );
    });

    it('changes nothing of 8 MiB in frames of every size, small ones in between', async (t) => {
      const { near, far } = await pair(t, prepare);
      const sent: Uint8Array[] = [];
      for (let bytes = 0; bytes < 8 * 1024 * 1024; bytes += sent.at(-1)?.length ?? 0) {
        const length = [1, 100, 16_383, 16_384, 16_385, 70_000, MAX_DATA_BYTES][sent.length % 7] ?? 1;
        sent.push(randomData(length));
      }
      const done = near.next(FrameType.fin);
      for (const bytes of sent) {
        await new Promise<void>((resolve) => far.connection.sendData(1, bytes, resolve));
      }
      far.send(encodeFrame(FrameType.fin, 1));
      await done;
      const data = near.heard.filter(({ type }) => type === FrameType.data).map(({ payload }) => payload);
      assert.equal(sha256(...data), sha256(...sent));
    });

    it('is closed by a goodbye, with its reason, and hears nothing after it', async (t) => {
      const { near, far } = await pair(t, prepare);
      far.connection.close(STOPPED);
      const [nearWhy, farWhy] = await Promise.all([near.connection.closed, far.connection.closed]);
      assert.deepEqual([nearWhy.code, nearWhy.message], ['stopped', 'the server was stopped']);
      assert.equal(farWhy, STOPPED);
      assert.deepEqual([near.connection.isOpen, far.connection.isOpen], [false, false]);
    });

    it('is lost when its line breaks', async (t) => {
      const { near, far } = await pair(t, prepare);
      far.connection.socket.destroy();
      assert.equal((await near.connection.closed).code, 'connection-lost');
    });
  });
}

describe('the heartbeat', () => {
  it('measures the round trip', async (t) => {
    const { near } = await pair(t, () => undefined);
    assert.equal(near.connection.roundTripMs, undefined);
    near.connection.startHeartbeat();
    while (near.connection.roundTripMs === undefined) await turns(1);
    assert.ok(near.connection.roundTripMs >= 0);
  });

  it('is answered with the very bytes that were asked with', async (t) => {
    const { server, local } = await tlsPair(t);
    const near = new RawSide(server);
    void near;
    const answer = new Promise<Buffer>((resolve) => local.once('data', resolve));
    local.write(encodeFrame(FrameType.ping, 0, Buffer.from('whatever')));
    assert.equal(String((await answer).subarray(8)), 'whatever');
  });

  it('that is answered with made-up numbers says nothing about the round trip', async (t) => {
    const { server, local } = await tlsPair(t);
    const near = new RawSide(server, PATIENT);
    for (const value of [Number.NEGATIVE_INFINITY, Number.NaN, -1, 1e300]) {
      const payload = new Uint8Array(8);
      new DataView(payload.buffer).setFloat64(0, value);
      local.write(encodeFrame(FrameType.pong, 0, payload));
    }
    const last = near.next(FrameType.fin);
    local.write(encodeFrame(FrameType.fin, 1));
    await last;
    assert.equal(near.connection.roundTripMs, undefined);
  });

  it('ends a connection where nothing is heard for too long', async (t) => {
    const { server, local } = await tlsPair(t);
    local.resume();
    const near = new RawSide(server, { heartbeatMs: 10, deadAfterMs: 50 });
    near.connection.startHeartbeat();
    const error = await near.connection.closed;
    assert.equal(error.code, 'timed-out');
    assert.equal(near.connection.socket.destroyed, true);
  });
});

describe('a connection that was closed', () => {
  it('sends nothing any more and calls nothing sent', async (t) => {
    const { near, far } = await pair(t, () => undefined);
    near.connection.close(STOPPED);
    let sent = false;
    near.connection.sendData(1, new Uint8Array(1), () => {
      sent = true;
    });
    near.send(encodeFrame(FrameType.fin, 1));
    near.connection.close(new DepotError('internal', 'again'));
    assert.equal((await far.connection.closed).code, 'stopped');
    await turns();
    assert.equal(sent, false);
    assert.deepEqual(far.heard, []);
  });

  it('gives nothing to its sink that came with or after the goodbye', async (t) => {
    const { server, local } = await tlsPair(t);
    const near = new RawSide(server);
    const goodbye = encodeFrame(FrameType.goodbye, 0, Buffer.from('{"code":"stopped","message":"enough"}'));
    local.write(concat(goodbye, encodeFrame(FrameType.data, 1, Buffer.from('x')), encodeFrame(FrameType.fin, 1)));
    assert.equal((await near.connection.closed).message, 'enough');
    await turns();
    assert.deepEqual(near.heard, []);
  });
});

it('gives a peer up that takes nothing, and holds little for it until then', async (t) => {
  const { server, local } = await tlsPair(t);
  local.pause();
  const near = new RawSide(server);
  const frame = encodeFrame(FrameType.window, 1, new Uint8Array(4));
  let sent = 0;
  for (; near.connection.isOpen && sent < 10_000_000; sent += frame.length) near.connection.send(frame);
  const error = await near.connection.closed;
  assert.equal(error.code, 'connection-lost');
  assert.match(error.message, /does not read/);
  assert.ok(sent < 5 * 1024 * 1024, `${sent} bytes`);
});
