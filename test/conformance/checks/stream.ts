// What a stream carries once it stands. No RFC says more than that it does; programs count on all of this.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { collect, ending } from '../../support/apps.ts';
import { request, type Wire } from '../../support/socks-client.ts';
import { type Check, expectEcho, expectReply, expectText, type Trial } from '../trial.ts';

const LARGE_BYTES = 16 * 1024 * 1024;
/** More than sockets and a decent proxy hold for a reader that has stopped. */
const FLOOD_BYTES = 96 * 1024 * 1024;
const BLOCK = Buffer.alloc(64 * 1024, 'flood');
/** A flood that has not moved for so long has come to its end. */
const STALLED_MS = 700;

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Writes until nothing is taken any more, or all of it was. Resolves with how many bytes were taken. */
const flood = async (socket: net.Socket): Promise<number> => {
  const over = Promise.withResolvers<void>();
  let taken = 0;
  let stalled = false;
  const timer = setTimeout(() => {
    stalled = true;
    over.resolve();
  }, STALLED_MS);
  const next = (): void => {
    taken += BLOCK.length;
    if (stalled) return;
    timer.refresh();
    if (taken >= FLOOD_BYTES) over.resolve();
    else socket.write(BLOCK, next);
  };
  socket.write(BLOCK, next);
  await over.promise;
  clearTimeout(timer);
  return taken;
};

const expectBounded = (bytes: number): void => {
  assert.ok(bytes < FLOOD_BYTES, `all of ${FLOOD_BYTES} bytes were taken from the writer while nobody read`);
};

/** A stream in use, and the app's end of it. */
const establish = async (trial: Trial): Promise<[wire: Wire, app: net.Socket]> => {
  const seen = Promise.withResolvers<net.Socket>();
  const app = await trial.app((socket) => {
    socket.once('data', (data: Buffer) => {
      socket.pause();
      socket.write(data, () => seen.resolve(socket));
    });
  });
  const wire = await trial.open(app);
  await expectEcho(wire);
  return [wire, await seen.promise];
};

export const STREAM_CHECKS: readonly Check[] = [
  {
    name: 'stream/early-data',
    section: 'practice',
    expects: 'data that comes before the reply reaches the app',
    run: async (trial) => {
      const early = randomBytes(100_000);
      const app = await trial.app((socket) => {
        void collect(socket).then((bytes) => socket.end(digest(bytes)));
      });
      const wire = await trial.admitted();
      wire.write(request(trial.appHost, app.port), early);
      wire.finish();
      expectReply((await wire.readReply()).reply, 0);
      expectText(await wire.rest(), digest(early), 'the client');
    },
  },
  {
    name: 'stream/half-close-by-client',
    section: 'practice',
    expects: "the app's answer still comes after the client's FIN",
    run: async (trial) => {
      const [wire, app] = await establish(trial);
      const question = collect(app);
      wire.finish(Buffer.from('question'));
      expectText(await question, 'question', 'the app');
      app.end('late answer');
      expectText(await wire.rest(), 'late answer', 'the client');
    },
  },
  {
    name: 'stream/half-close-by-app',
    section: 'practice',
    expects: "the client may go on after the app's FIN",
    run: async (trial) => {
      const [wire, app] = await establish(trial);
      const rest = collect(app);
      app.end('bye');
      expectText(await wire.rest(), 'bye', 'the client');
      wire.finish(Buffer.from('still here'));
      expectText(await rest, 'still here', 'the app');
    },
  },
  {
    name: 'stream/reset-by-app',
    section: 'practice',
    expects: 'an abort of the app never looks like a clean end',
    run: async (trial) => {
      const [wire, app] = await establish(trial);
      app.resetAndDestroy();
      assert.equal(await wire.ending(), 'rst', 'a clean end');
    },
  },
  {
    name: 'stream/reset-by-app-half-closed',
    section: 'practice',
    expects: "nor does it after the client's FIN",
    run: async (trial) => {
      const [wire, app] = await establish(trial);
      wire.finish();
      await collect(app);
      app.resetAndDestroy();
      assert.equal(await wire.ending(), 'rst', 'a clean end');
    },
  },
  {
    name: 'stream/reset-by-client',
    section: 'practice',
    expects: 'an abort of the client never looks like a clean end',
    run: async (trial) => {
      const [wire, app] = await establish(trial);
      const how = ending(app);
      wire.socket.resetAndDestroy();
      assert.equal(await how, 'rst', 'a clean end at the app');
    },
  },
  {
    name: 'stream/large-transfer',
    section: 'practice',
    expects: '16 MiB both ways at once, unchanged',
    limitMs: 30_000,
    run: async (trial) => {
      const bytes = randomBytes(LARGE_BYTES);
      const socket = (await trial.open(await trial.echo())).release();
      const back = collect(socket);
      socket.end(bytes);
      assert.equal(digest(await back), digest(bytes), 'something else came back');
    },
  },
  {
    name: 'stream/slow-client',
    section: 'practice',
    expects: 'holds the app back where the client does not read; loses nothing',
    limitMs: 30_000,
    run: async (trial) => {
      const [wire, app] = await establish(trial);
      const socket = wire.release();
      expectBounded(await flood(app));
      app.end();
      let received = 0;
      socket.on('data', (chunk: Buffer) => (received += chunk.length));
      await once(socket.resume(), 'end');
      assert.equal(received, app.bytesWritten - 'echo'.length, 'bytes were lost');
    },
  },
  {
    name: 'stream/slow-app',
    section: 'practice',
    expects: 'holds the client back where the app does not read; loses nothing',
    limitMs: 30_000,
    run: async (trial) => {
      const [wire, app] = await establish(trial);
      const before = wire.socket.bytesWritten;
      expectBounded(await flood(wire.socket));
      wire.finish();
      let received = 0;
      app.on('data', (chunk: Buffer) => (received += chunk.length));
      await once(app.resume(), 'end');
      assert.equal(received, wire.socket.bytesWritten - before, 'bytes were lost');
    },
  },
];
