import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { encodeDatagramFrame, encodeFrame, encodeJsonFrame, encodeWindow, FrameType } from '../../src/link/frames.ts';
import { type DatagramEndpoint, DatagramRelay, type DatagramSink } from '../../src/net/datagrams.ts';
import { type Address, encodeAddress } from '../../src/socks/address.ts';
import { turns } from '../support/endpoints.ts';
import { BOUND, NEVER, OPEN, type RawSide, serverWithRawLocal, tunnelPair } from '../support/link.ts';

const ASSOCIATE = { ...OPEN, command: 'associate' } as const;
const APP = { host: '192.168.1.9', port: 53 };

/** Remembers what comes. */
class Datagrams implements DatagramSink {
  readonly come: { readonly text: string; readonly address: Address }[] = [];
  readonly #ending: PromiseWithResolvers<DepotError | undefined> = Promise.withResolvers();
  #wake: () => void = () => undefined;

  send(data: Uint8Array, address: Address): void {
    this.come.push({ text: Buffer.from(data).toString(), address });
    this.#wake();
  }

  end(error?: DepotError): void {
    this.#ending.resolve(error);
  }

  get ended(): Promise<DepotError | undefined> {
    return this.#ending.promise;
  }

  async until(count: number): Promise<void> {
    while (this.come.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }
}

const collect = (endpoint: DatagramEndpoint): Datagrams => {
  const datagrams = new Datagrams();
  endpoint.readInto(datagrams);
  return datagrams;
};

interface Pair {
  readonly near: DatagramEndpoint;
  readonly far: DatagramEndpoint;
  readonly streams: () => readonly [number, number];
}

const pair = async (t: TestContext): Promise<Pair> => {
  const { server, local, requests } = await tunnelPair(t);
  const opening = server.open(ASSOCIATE, NEVER);
  const { incoming } = await requests.next();
  incoming.answer({ bound: BOUND });
  const connection = await opening;
  assert.ok(connection.kind === 'datagrams' && incoming.datagrams !== undefined);
  return { near: connection.datagrams, far: incoming.datagrams, streams: () => [server.streams, local.streams] };
};

/** Somebody at the other end who may break every rule. */
const rawPair = async (
  t: TestContext,
): Promise<{ near: DatagramEndpoint; raw: RawSide; ended: Promise<DepotError> }> => {
  const { server, raw, ended } = await serverWithRawLocal(t);
  const opening = server.open(ASSOCIATE, NEVER);
  await raw.next(FrameType.open);
  raw.sendJson(FrameType.opened, 1, { bound: BOUND });
  const connection = await opening;
  assert.ok(connection.kind === 'datagrams');
  return { near: connection.datagrams, raw, ended };
};

describe('datagrams on a tunnel', () => {
  it('keep their borders and their addresses, both ways', async (t) => {
    const { near, far } = await pair(t);
    const [atNear, atFar] = [collect(near), collect(far)];
    const sizes = [0, 1, 1400, 16_384, 65_527];
    const addresses: readonly Address[] = [APP, { host: 'fd00::1', port: 1 }, { host: 'n'.repeat(255), port: 65_535 }];
    for (const address of addresses) {
      for (const size of sizes) {
        near.send(Buffer.alloc(size, 'x'), address);
        far.send(Buffer.alloc(size, 'y'), address);
        await Promise.all([atNear.until(atNear.come.length + 1), atFar.until(atFar.come.length + 1)]);
        assert.deepEqual(atFar.come.at(-1), { text: 'x'.repeat(size), address });
        assert.deepEqual(atNear.come.at(-1), { text: 'y'.repeat(size), address });
      }
    }
  });

  it('sent in one turn arrive in order, and before the end that follows at once', async (t) => {
    const { near, far } = await pair(t);
    const atFar = collect(far);
    const texts = Array.from({ length: 40 }, (_, index) => `${index} ${'x'.repeat(index * 41)}`);
    for (const text of texts) near.send(Buffer.from(text), APP);
    near.end();
    assert.equal(await atFar.ended, undefined);
    assert.deepEqual(
      atFar.come.map(({ text }) => text),
      texts,
    );
  });

  it('are dropped and counted when the line does not take them, and what waits stays bounded', async (t) => {
    const { near, raw } = await rawPair(t);
    raw.connection.socket.pause();
    const data = Buffer.alloc(1000);
    for (let round = 0; round < 300; round += 1) {
      for (let index = 0; index < 500; index += 1) near.send(data, APP);
      await turns(1);
    }
    assert.ok(near.dropped > 1000, `${near.dropped} dropped`);
    // What had left before the line was full arrives, and after it new ones do, once there is room.
    raw.connection.socket.resume();
    const before = near.dropped;
    for (let tries = 0; near.dropped > before || tries === 0; tries += 1) await turns(2);
    const fence = raw.next(FrameType.datagram);
    near.send(data, APP);
    await fence;
  });

  for (const side of ['near', 'far'] as const) {
    it(`end in order on both sides when the ${side} one ends`, async (t) => {
      const { near, far, streams } = await pair(t);
      const [atNear, atFar] = [collect(near), collect(far)];
      (side === 'near' ? near : far).end();
      assert.equal(await (side === 'near' ? atFar : atNear).ended, undefined);
      await turns();
      assert.deepEqual(streams(), [0, 0]);
      near.send(Buffer.from('late'), APP);
      assert.equal(near.dropped, 1);
    });
  }

  it('end with an error on both sides when one was aborted, also before anybody read', async (t) => {
    const { near, far, streams } = await pair(t);
    near.end(new DepotError('stopped', 'ended by the operator'));
    await turns();
    assert.equal((await collect(far).ended)?.code, 'stopped');
    assert.deepEqual(streams(), [0, 0]);
  });

  const VIOLATIONS: readonly (readonly [what: string, frame: Uint8Array])[] = [
    ['data', encodeFrame(FrameType.data, 1, Buffer.from('x'))],
    ['a window', encodeWindow(1, 1)],
    ['a datagram without an address', encodeFrame(FrameType.datagram, 1, Buffer.from('x'))],
    ['a datagram that is too large', Uint8Array.of(FrameType.datagram, 1, 0, 0xfb, 0, 0, 0, 1)],
    ['a second answer', encodeJsonFrame(FrameType.opened, 1, { bound: BOUND })],
  ];
  for (const [what, frame] of VIOLATIONS) {
    it(`are no place for ${what}`, async (t) => {
      const { near, raw, ended } = await rawPair(t);
      const collected = collect(near);
      raw.send(frame);
      assert.equal((await ended).code, 'protocol-violation');
      assert.equal((await collected.ended)?.code, 'connection-lost');
    });
  }

  it('have no place on a stream of bytes', async (t) => {
    const { server, raw, ended } = await serverWithRawLocal(t);
    const opening = server.open(OPEN, NEVER);
    await raw.next(FrameType.open);
    raw.sendJson(FrameType.opened, 1, { bound: BOUND });
    await opening;
    raw.send(encodeDatagramFrame(1, encodeAddress(APP), Buffer.from('x')));
    assert.equal((await ended).code, 'protocol-violation');
  });
});

describe('a relay of datagrams', () => {
  class End extends Datagrams implements DatagramEndpoint {
    readonly dropped = 1;
    sink: DatagramSink | undefined;

    readInto(sink: DatagramSink): void {
      this.sink = sink;
    }
  }

  const join = (
    client: End,
    app: End,
    idleMs: number,
  ): { readonly relay: DatagramRelay; readonly ended: Promise<DepotError | undefined> } => {
    const { promise: ended, resolve } = Promise.withResolvers<DepotError | undefined>();
    return { relay: new DatagramRelay(client, app, idleMs, resolve), ended };
  };

  it('passes on and counts both ways, and ends both when one ends', async () => {
    const [client, app] = [new End(), new End()];
    const { relay, ended } = join(client, app, 60_000);
    client.sink?.send(Buffer.from('question'), APP);
    app.sink?.send(Buffer.from('ok'), APP);
    assert.deepEqual([app.come, client.come], [[{ text: 'question', address: APP }], [{ text: 'ok', address: APP }]]);
    assert.deepEqual([relay.bytesUp, relay.bytesDown, relay.dropped], [8, 2, 2]);
    app.sink?.end();
    assert.deepEqual(await Promise.all([ended, client.ended, app.ended]), [undefined, undefined, undefined]);
  });

  it('ends both with the reason when it is aborted, and in order when nothing moves', async () => {
    const error = new DepotError('stopped', 'ended by the operator');
    const ends = [new End(), new End(), new End(), new End()] as const;
    const aborted = join(ends[0], ends[1], 60_000);
    aborted.relay.abort(error);
    assert.deepEqual(await Promise.all([aborted.ended, ends[0].ended, ends[1].ended]), [error, error, error]);
    const idle = join(ends[2], ends[3], 20);
    assert.deepEqual(await Promise.all([idle.ended, ends[2].ended]), [undefined, undefined]);
  });
});
