// Every byte arrives, in order, in both directions, however many streams run side by side.
// DEPOT_LONG=1 runs more and larger ones; DEPOT_SEED=N runs the same ones again.

import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { describe, test } from 'node:test';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { Seeded } from '../support/seeded.ts';
import { openStream } from '../support/socks-client.ts';

const LONG = process.env['DEPOT_LONG'] === '1';
const SEED = Number(process.env['DEPOT_SEED'] ?? randomInt(2 ** 31));
const STREAMS = LONG ? 500 : 200;
const LARGEST = (LONG ? 64 : 8) * 1024 * 1024;
/** The longest piece that is written at once. */
const PIECE = 300_000;

type Direction = 'up' | 'down';

/** The chance of one stream, for one purpose. */
const sourceOf = (stream: number, purpose: Direction | 'plan'): Seeded =>
  new Seeded(`depot ${SEED} ${stream} ${purpose}`);

/** As many small ones as large ones, and some empty ones. */
const randomSize = (source: Seeded): number =>
  source.fraction() < 0.05 ? 0 : Math.floor(LARGEST ** source.fraction());

interface Plan {
  readonly stream: number;
  readonly up: number;
  readonly down: number;
}

const planOf = (stream: number): Plan => {
  const source = sourceOf(stream, 'plan');
  return { stream, up: randomSize(source), down: randomSize(source) };
};

/** Writes the bytes of one direction in pieces of many sizes, and ends it. Returns their digest. */
const send = async (socket: net.Socket, stream: number, direction: Direction, size: number): Promise<string> => {
  const source = sourceOf(stream, direction);
  const hash = createHash('sha256');
  for (let left = size; left > 0;) {
    const piece = source.bytes(Math.min(left, 1 + Math.floor(PIECE ** source.fraction())));
    left -= piece.length;
    hash.update(piece);
    if (!socket.write(piece)) await once(socket, 'drain');
  }
  socket.end();
  return hash.digest('hex');
};

/** Reads to the end. Rejects on an abort. */
const receive = async (socket: net.Socket): Promise<string> => {
  const hash = createHash('sha256');
  socket.on('data', (chunk: Buffer) => hash.update(chunk)).resume();
  await once(socket, 'end');
  return hash.digest('hex');
};

/** Says which stream it is, for the app cannot know otherwise. */
const HEADER_BYTES = 4;

/** The app: reads one direction while it writes the other, and keeps the digests of both. */
const serve = (socket: net.Socket, digests: Map<number, Promise<readonly [string, string]>>): void => {
  socket.once('readable', () => {
    const header = socket.read(HEADER_BYTES) as Buffer | null;
    // The one that came only to log in.
    if (header === null) return;
    const { stream, down } = planOf(header.readUInt32BE());
    digests.set(stream, Promise.all([receive(socket), send(socket, stream, 'down', down)]));
  });
};

const check = async (depot: Depot, streams: number): Promise<void> => {
  const digests = new Map<number, Promise<readonly [string, string]>>();
  await using app = await App.listen((socket) => serve(socket, digests));
  const target = depot.target(LOOPBACK, app.port);
  // The first one pays for the password.
  (await openStream(target)).destroy();
  const all = Array.from({ length: streams }, async (_, index) => {
    const { stream, up } = planOf(index);
    const client = await openStream(target);
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32BE(stream);
    client.write(header);
    const [received, sent] = await Promise.all([receive(client), send(client, stream, 'up', up)]);
    const atApp = await digests.get(stream);
    assert.deepEqual({ stream, up: atApp?.[0], down: received }, { stream, up: sent, down: atApp?.[1] });
  });
  await Promise.all(all);
};

describe(`seed ${SEED}`, () => {
  const settings = {
    'as it comes': {},
    'on few tunnels with small windows': { tunnelsMin: 1, tunnelsMax: 3, windowMaxBytes: 262_144 },
  };
  for (const [how, server] of Object.entries(settings)) {
    test(`${STREAMS} streams of up to ${LARGEST} bytes in both directions at once, ${how}`, async (context) => {
      context.diagnostic(`DEPOT_SEED=${SEED}`);
      const { windowMaxBytes } = { windowMaxBytes: undefined, ...server };
      await using depot = await Depot.pair(server, windowMaxBytes === undefined ? {} : { windowMaxBytes });
      await check(depot, STREAMS);
    });
  }
});
