// A flood of datagrams at a steady pace, to the app's echo, through an association or straight there. Counts what comes back.

import dgram from 'node:dgram';
import net from 'node:net';
import type { Target } from './socks-client.ts';

export interface Flood {
  /** How many were sent and how many came back, up to now. */
  readonly counts: () => { readonly sent: number; readonly back: number };
}

/** Like a video call in size. */
const DATA = Buffer.alloc(1200, 'datagram');
/** Timers are no finer. */
const TICK_MS = 1;

/** Answers with exactly what was asked for, one step after the other. */
const associate = async ({ host, port, socks }: Target): Promise<number> => {
  const socket = net.connect({ host, port, noDelay: true });
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let read = Buffer.alloc(0);
  const ask = async (request: readonly number[], answerBytes: number): Promise<Buffer> => {
    socket.write(Buffer.from(request));
    while (read.length < answerBytes) {
      const { value, done } = await chunks.next();
      if (done === true) throw new Error('closed before the SOCKS reply');
      read = Buffer.concat([read, value]);
    }
    const answer = read.subarray(0, answerBytes);
    read = read.subarray(answerBytes);
    return answer;
  };
  const { user, password } = socks ?? {};
  if (user === undefined || password === undefined) await ask([5, 1, 0], 2);
  else {
    await ask([5, 1, 2], 2);
    await ask([1, user.length, ...Buffer.from(user), password.length, ...Buffer.from(password)], 2);
  }
  const reply = await ask([5, 3, 0, 1, 0, 0, 0, 0, 0, 0], 10);
  if (reply[1] !== 0) throw new Error(`SOCKS reply ${reply[1]}`);
  return reply.readUInt16BE(8);
};

/** Sends `perSecond` datagrams until the process ends. */
export const flood = async (target: Target, perSecond: number): Promise<Flood> => {
  const { host, port, socks } = target;
  const header = socks === undefined ? [] : [0, 0, 0, 1, 127, 0, 0, 1, socks.appPort >> 8, socks.appPort & 0xff];
  const datagram = Buffer.from([...header, ...DATA]);
  const to = socks === undefined ? port : await associate(target);
  let [sent, back] = [0, 0];
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.on('message', () => (back += 1));
  const started = performance.now();
  setInterval(() => {
    const due = Math.floor(((performance.now() - started) / 1000) * perSecond);
    // Who was held up does not make up for it all at once.
    const count = Math.min(due - sent, Math.ceil((perSecond * 10 * TICK_MS) / 1000));
    for (let index = 0; index < count; index += 1) socket.send(datagram, to, host);
    sent += count;
  }, TICK_MS);
  return { counts: () => ({ sent, back }) };
};
