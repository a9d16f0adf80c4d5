// One visit to a port: says its piece, and stays until it is shown out.

import { once } from 'node:events';
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Duplex } from 'node:stream';

export interface Visit {
  /** What came back. */
  readonly answer: Buffer;
  /** Whether the port left the connection open beyond its deadline. */
  readonly hung: boolean;
}

/** An answer is looked at for its beginning only. */
const KEPT_BYTES = 4096;

export const visit = async (
  socket: Duplex,
  pieces: readonly Uint8Array[],
  finishes: boolean,
  deadlineMs: number,
): Promise<Visit> => {
  let answer = Buffer.alloc(0);
  let hung = false;
  socket.on('error', () => undefined);
  socket.on('data', (data: Buffer) => {
    if (answer.length < KEPT_BYTES) answer = Buffer.concat([answer, data]);
  });
  // Who is shown out leaves.
  socket.on('end', () => socket.end());
  const closed = socket.closed ? Promise.resolve() : once(socket, 'close').catch(() => undefined);
  const timer = setTimeout(() => {
    hung = true;
    socket.destroy();
  }, deadlineMs);
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    await turn();
  }
  if (finishes) socket.end();
  await closed;
  clearTimeout(timer);
  return { answer, hung };
};

/** From an address of its own on the loopback, so that what one visitor did does not slow the next one down. */
export const dial = async (port: number, from: string): Promise<net.Socket> => {
  const socket = net.connect({ host: '127.0.0.1', port, localAddress: from, allowHalfOpen: true, noDelay: true });
  await once(socket, 'connect');
  return socket;
};
