import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import type { Sink } from '../../src/net/endpoint.ts';
import { SocketEndpoint } from '../../src/net/socket-endpoint.ts';
import { Collector, feed, randomData, sha256, turns } from '../support/endpoints.ts';

const MIB = 1024 * 1024;

/** An endpoint and the ordinary socket at its other end. */
interface Pair {
  readonly endpoint: SocketEndpoint;
  readonly peer: net.Socket;
}

const sockets = async (
  t: TestContext,
  connect: (port: number) => net.Socket,
): Promise<{ readonly accepted: net.Socket; readonly connecting: net.Socket }> => {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const connecting = connect((server.address() as net.AddressInfo).port);
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(connecting, 'connect')])) as [
    [net.Socket],
    unknown,
  ];
  server.close();
  t.after(() => {
    for (const socket of [accepted, connecting]) socket.on('error', () => undefined).destroy();
  });
  return { accepted, connecting };
};

const accept = async (t: TestContext, prepare: (accepted: net.Socket) => void): Promise<Pair> => {
  const connect = (port: number): net.Socket => net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const { accepted, connecting } = await sockets(t, connect);
  prepare(accepted);
  const endpoint = SocketEndpoint.accept(accepted);
  t.after(() => endpoint.socket.destroy());
  return { endpoint, peer: connecting };
};

/** Every way in which an endpoint comes about: it has to be the same endpoint in all of them. */
const WAYS: Readonly<Record<string, (t: TestContext) => Promise<Pair>>> = {
  'that connected': async (t) => {
    let endpoint: SocketEndpoint | undefined;
    const { accepted } = await sockets(t, (port) => {
      endpoint = SocketEndpoint.connect({ host: '127.0.0.1', port });
      return endpoint.socket;
    });
    assert.ok(endpoint !== undefined);
    return { endpoint, peer: accepted };
  },
  'that was accepted': (t) => accept(t, () => undefined),
  'that was accepted where Node is not as expected': (t) =>
    accept(t, (accepted) => {
      const { _handle: handle } = accepted as unknown as { _handle: { useUserBuffer: unknown } };
      handle.useUserBuffer = undefined;
    }),
};

/**
 * Takes late, and looks again at what it was given just before: the memory has to be the same until then.
 * The end may come while the last piece is not taken yet.
 */
class SlowReader implements Sink {
  readonly #hash = createHash('sha256');
  readonly #end: PromiseWithResolvers<string> = Promise.withResolvers();
  #holds = false;
  #hasEnded = false;
  writes = 0;
  bytes = 0;
  changed = 0;

  /** The SHA-256 of everything, once it has ended. */
  get ended(): Promise<string> {
    return this.#end.promise;
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    assert.ok(!this.#holds && !this.#hasEnded);
    const before = sha256(...chunks);
    this.writes += 1;
    this.#holds = true;
    void turns(this.writes % 3).then(() => {
      if (sha256(...chunks) !== before) this.changed += 1;
      for (const chunk of chunks) {
        this.#hash.update(chunk);
        this.bytes += chunk.length;
      }
      this.#holds = false;
      if (this.#hasEnded) this.#end.resolve(this.#hash.digest('hex'));
      else taken();
    });
  }

  end(): void {
    this.#hasEnded = true;
    if (!this.#holds) this.#end.resolve(this.#hash.digest('hex'));
  }

  reset(error: DepotError): void {
    this.#end.reject(error);
  }
}

const read = (endpoint: SocketEndpoint, options?: { readonly hold: boolean }): Collector => {
  const collector = new Collector(options);
  endpoint.readInto(collector);
  return collector;
};

const closed = (socket: net.Socket): Promise<unknown> =>
  new Promise((resolve) => {
    if (socket.closed) resolve(undefined);
    else socket.once('close', resolve);
  });

for (const [way, make] of Object.entries(WAYS)) {
  describe(`a socket ${way}`, () => {
    it('keeps what came before anybody reads', async (t) => {
      const { endpoint, peer } = await make(t);
      await new Promise<unknown>((resolve) => peer.write('early', resolve));
      await turns();
      const collector = read(endpoint);
      await collector.until(5);
      assert.equal(collector.text, 'early');
    });

    it('changes nothing of 8 MiB for a slow reader, nor the memory that the reader holds', async (t) => {
      const { endpoint, peer } = await make(t);
      const data = randomData(8 * MIB);
      const reader = new SlowReader();
      endpoint.readInto(reader);
      peer.end(data);
      assert.equal(await reader.ended, sha256(data));
      assert.equal(reader.changed, 0);
    });

    it('does not mix up four sockets that read at the same time', async (t) => {
      const pairs = await Promise.all(Array.from({ length: 4 }, () => make(t)));
      await Promise.all(
        pairs.map(async ({ endpoint, peer }) => {
          const data = randomData(2 * MIB);
          const reader = new SlowReader();
          endpoint.readInto(reader);
          peer.end(data);
          assert.equal(await reader.ended, sha256(data));
          assert.equal(reader.changed, 0);
        }),
      );
    });

    it('reads on rightly when large pieces become small and large again', async (t) => {
      const { endpoint, peer } = await make(t);
      const hash = createHash('sha256');
      const reader = new SlowReader();
      endpoint.readInto(reader);
      for (const [count, bytes] of [
        [1, 4 * MIB],
        [60, 10],
        [1, 4 * MIB],
      ] as const) {
        for (let piece = 0; piece < count; piece += 1) {
          const data = randomData(bytes);
          hash.update(data);
          const before = reader.bytes;
          peer.write(data);
          while (reader.bytes < before + bytes) await turns(1);
        }
      }
      peer.end();
      assert.equal(await reader.ended, hash.digest('hex'));
      assert.equal(reader.changed, 0);
    });

    it('changes nothing of 8 MiB on the way out, for a slow reader at the other end', async (t) => {
      const { endpoint, peer } = await make(t);
      const data = randomData(8 * MIB);
      const fed = feed(endpoint, data, 300_001);
      const hash = createHash('sha256');
      for await (const piece of peer as AsyncIterable<Buffer>) {
        hash.update(piece);
        await turns(1);
      }
      await fed;
      assert.equal(hash.digest('hex'), sha256(data));
    });

    it('gives no more while its reader has not taken', async (t) => {
      const { endpoint, peer } = await make(t);
      const collector = read(endpoint, { hold: true });
      let allGone = false;
      peer.write(randomData(64 * MIB), () => {
        allGone = true;
      });
      await collector.until(1);
      await turns(50);
      assert.deepEqual(collector.log, ['write']);
      assert.equal(allGone, false);
      assert.ok(collector.bytes <= 256 * 1024);
    });

    it('ends towards the reader and still writes', async (t) => {
      const { endpoint, peer } = await make(t);
      const collector = read(endpoint);
      peer.end('last words');
      await collector.ended;
      assert.equal(collector.text, 'last words');
      const heard = once(peer, 'data');
      peer.resume();
      await new Promise<void>((resolve) => endpoint.write([Buffer.from('an '), Buffer.from('answer')], resolve));
      assert.match(String((await heard)[0]), /^an/);
      await new Promise<void>((resolve) => endpoint.end(resolve));
      await closed(endpoint.socket);
      assert.equal(collector.log.includes('reset'), false);
    });

    it('ends towards its peer and still reads', async (t) => {
      const { endpoint, peer } = await make(t);
      const collector = read(endpoint);
      const peersEnd = once(peer, 'end');
      peer.resume();
      endpoint.end();
      await peersEnd;
      peer.end('still here');
      await collector.ended;
      assert.equal(collector.text, 'still here');
      await closed(endpoint.socket);
      assert.deepEqual(collector.log.slice(-1), ['end']);
    });

    it('tells an abort of its peer as an abort, never as an end', async (t) => {
      const { endpoint, peer } = await make(t);
      const collector = read(endpoint);
      peer.write('the beginning of');
      await collector.until(1);
      peer.resetAndDestroy();
      const error = await collector.wasReset;
      assert.equal(error.code, 'aborted');
      assert.match(error.message, /ECONNRESET/);
      assert.equal(collector.log.includes('end'), false);
      assert.equal(collector.log.at(-1), 'reset');
    });

    it('tells an abort also when it comes while the reader is busy', async (t) => {
      const { endpoint, peer } = await make(t);
      const collector = read(endpoint, { hold: true });
      peer.write(randomData(MIB));
      await collector.until(1);
      const gone = closed(peer);
      peer.resetAndDestroy();
      await gone;
      while (!collector.log.includes('reset')) {
        collector.take();
        await turns(1);
      }
      assert.equal(collector.log.includes('end'), false);
    });

    it('tells an abort that came before anybody read', async (t) => {
      const { endpoint, peer } = await make(t);
      const gone = closed(peer);
      peer.resetAndDestroy();
      await gone;
      const collector = read(endpoint);
      await collector.wasReset;
      assert.deepEqual(collector.log, ['reset']);
    });

    it('aborts towards its peer, and says nothing about it to its own reader', async (t) => {
      const { endpoint, peer } = await make(t);
      const collector = read(endpoint);
      const broken = once(peer, 'error').catch((error: unknown) => [error]);
      const ended = closed(endpoint.socket);
      peer.resume();
      endpoint.reset(new DepotError('stopped', 'ended by the operator'));
      const [error] = (await broken) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
      await ended;
      await turns();
      assert.deepEqual(collector.log, []);
    });

    it('is closed when it is aborted right after its end', async (t) => {
      const { endpoint, peer } = await make(t);
      read(endpoint);
      const ended = closed(endpoint.socket);
      peer.on('error', () => undefined).resume();
      endpoint.end();
      endpoint.reset(new DepotError('stopped', 'ended by the operator'));
      await ended;
    });

    it('never calls what could not be written taken', async (t) => {
      const { endpoint, peer } = await make(t);
      const collector = read(endpoint);
      let taken = false;
      endpoint.write([randomData(64 * MIB)], () => {
        taken = true;
      });
      peer.resetAndDestroy();
      await collector.wasReset;
      assert.equal(taken, false);
    });
  });
}
