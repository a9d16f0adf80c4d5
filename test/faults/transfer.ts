// Bytes in both directions that both ends can check: made from seed and number, so whoever knows these knows every byte.
// The client says first how much it will send and how much it wants; the app sends the digest of what it got behind its
// own bytes. An end in order with anything missing is a short read, the worst that can happen.

import { createHash } from 'node:crypto';
import type net from 'node:net';
import { Seeded } from '../support/seeded.ts';

export interface Plan {
  readonly seed: number;
  readonly number: number;
  readonly up: number;
  readonly down: number;
}

/** How a transfer ended: whole, or with an abort that its ends saw; `short` and `spoilt` must never be. */
export type Ending = 'whole' | 'failed' | 'short' | 'spoilt';

const DIGEST_BYTES = 32;
/** The beginning of each direction, and all of small ones, goes out in slices this small. */
const SLICE_BYTES = 7;
const SLICED_BYTES = 16 * 1024;
const PIECE_BYTES = 200_000;

/** As many small ones as large ones. */
export const planOf = (seed: number, number: number, largest: number, smallest = 1): Plan => {
  const chance = new Seeded(`transfer ${seed} ${number} plan`);
  const size = (): number => Math.floor(smallest * (largest / smallest) ** chance.fraction());
  return { seed, number, up: size(), down: size() };
};

type Direction = 'up' | 'down';
const sourceOf = ({ seed, number }: Plan, direction: Direction): Seeded =>
  new Seeded(`transfer ${seed} ${number} ${direction}`);

const digestOf = (plan: Plan, direction: Direction): Buffer => {
  const source = sourceOf(plan, direction);
  const hash = createHash('sha256');
  for (let left = plan[direction]; left > 0; left -= PIECE_BYTES)
    hash.update(source.bytes(Math.min(left, PIECE_BYTES)));
  return hash.digest();
};

/** Until more may be written, or nothing may any more: how a socket ended is seen where it is read. */
export const drained = (socket: net.Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });

const writeAll = async (socket: net.Socket, bytes: Buffer, sliceBytes: number): Promise<void> => {
  for (let at = 0; at < bytes.length; at += sliceBytes) {
    if (socket.destroyed) return;
    if (!socket.write(bytes.subarray(at, at + sliceBytes))) await drained(socket);
  }
};

const send = async (socket: net.Socket, plan: Plan, direction: Direction): Promise<void> => {
  const source = sourceOf(plan, direction);
  let left = plan[direction];
  const first = source.bytes(Math.min(left, SLICED_BYTES));
  left -= first.length;
  await writeAll(socket, first, SLICE_BYTES);
  while (left > 0 && !socket.destroyed) {
    const piece = source.bytes(Math.min(left, PIECE_BYTES));
    left -= piece.length;
    await writeAll(socket, piece, PIECE_BYTES);
  }
};

interface Received {
  readonly bytes: number;
  readonly digest: Buffer;
  /** The bytes behind `wanted`, few as they are. */
  readonly rest: Buffer;
  readonly how: 'fin' | 'rst';
}

const receive = (socket: net.Socket, wanted: number): Promise<Received> => {
  const hash = createHash('sha256');
  let bytes = 0;
  let rest = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    const mine = data.subarray(0, Math.max(0, wanted - bytes));
    hash.update(mine);
    bytes += data.length;
    if (mine.length < data.length) rest = Buffer.concat([rest, data.subarray(mine.length)]);
  });
  return new Promise((resolve) => {
    const finish = (how: 'fin' | 'rst'): void => resolve({ bytes, digest: hash.digest(), rest, how });
    let over = false;
    const end = (how: 'fin' | 'rst') => (): void => {
      if (!over) finish(how);
      over = true;
    };
    socket.once('end', end('fin')).once('error', end('rst')).once('close', end('rst')).resume();
  });
};

/** The client's end, on a stream that is open. `isEnd` says whether what looked like an end was one, where more than TCP can tell. */
export const carry = async (socket: net.Socket, plan: Plan, isEnd = (): boolean => true): Promise<Ending> => {
  const receiving = receive(socket, plan.down);
  socket.write(`${JSON.stringify(plan)}\n`);
  await send(socket, plan, 'up');
  socket.end();
  const { bytes, digest, rest, how } = await receiving;
  socket.destroy();
  if (how === 'rst' || !isEnd()) return 'failed';
  if (bytes < plan.down + DIGEST_BYTES) return 'short';
  return digest.equals(digestOf(plan, 'down')) && rest.equals(digestOf(plan, 'up')) ? 'whole' : 'spoilt';
};

/** The app's end. Resolves with the plan and with how the client's direction ended; undefined where nobody said anything. */
export const serve = async (socket: net.Socket): Promise<readonly [Plan, Ending] | undefined> => {
  const plan = await readPlan(socket);
  if (plan === undefined) return undefined;
  const receiving = receive(socket, plan.up);
  const sending = send(socket, plan, 'down');
  const { bytes, digest, how } = await receiving;
  if (how === 'rst') {
    socket.destroy();
    return [plan, 'failed'];
  }
  await sending;
  if (bytes < plan.up) {
    socket.destroy();
    return [plan, 'short'];
  }
  socket.end(digest);
  return [plan, digest.equals(digestOf(plan, 'up')) ? 'whole' : 'spoilt'];
};

const readPlan = async (socket: net.Socket): Promise<Plan | undefined> => {
  let head = Buffer.alloc(0);
  for await (const data of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    head = Buffer.concat([head, data]);
    const end = head.indexOf(10);
    if (end < 0) continue;
    if (end + 1 < head.length) socket.unshift(head.subarray(end + 1));
    return JSON.parse(head.subarray(0, end).toString()) as Plan;
  }
  return undefined;
};
