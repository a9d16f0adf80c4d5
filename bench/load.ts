// The load generator, a process of its own: takes one job on standard input, prints its figures.

import type net from 'node:net';
import { connect, type Target } from './socks-client.ts';

export type Job = Target &
  (
    | {
        readonly kind: 'bulk';
        readonly direction: 'down' | 'up' | 'both';
        readonly streams: number;
        readonly bytes: number;
      }
    | { readonly kind: 'requests'; readonly concurrency: number; readonly count: number }
    | { readonly kind: 'ping'; readonly pings: number }
    | { readonly kind: 'flood'; readonly streams: number }
    | { readonly kind: 'idle'; readonly streams: number }
  );

export type Figures = Readonly<Record<string, number>>;

const median = (values: readonly number[]): number => quantile(values, 0.5);

const quantile = (values: readonly number[], q: number): number => {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
};

const closed = (socket: net.Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

const writeAll = (socket: net.Socket, left: number): void => {
  if (left <= 0 || socket.destroyed) return;
  const size = Math.min(left, BLOCK.length);
  socket.write(size === BLOCK.length ? BLOCK : BLOCK.subarray(0, size), () => writeAll(socket, left - size));
};
const BLOCK = Buffer.alloc(256 * 1024, 'load');

/** One stream of `bytes`; resolves when all of them have arrived. */
const transfer = async (target: Target, direction: 'down' | 'up', bytes: number): Promise<void> => {
  let got = 0;
  const wanted = direction === 'down' ? bytes : 1;
  const complete = Promise.withResolvers<void>();
  const socket = await connect(target, (count) => {
    got += count;
    if (got >= wanted) complete.resolve();
  });
  socket.on('error', complete.reject);
  socket.on('close', () => complete.reject(new Error(`${got} of ${wanted} bytes came`)));
  socket.write(`${direction === 'down' ? 'D' : 'U'} ${bytes}\n`);
  if (direction === 'up') writeAll(socket, bytes);
  await complete.promise;
  socket.end();
};

const bulk = async (
  target: Target,
  direction: 'down' | 'up' | 'both',
  streams: number,
  bytes: number,
): Promise<Figures> => {
  const started = performance.now();
  const of = (index: number): 'down' | 'up' => (direction === 'both' ? (index % 2 === 0 ? 'down' : 'up') : direction);
  const count = direction === 'both' ? streams * 2 : streams;
  await Promise.all(Array.from({ length: count }, (_, index) => transfer(target, of(index), bytes)));
  const seconds = (performance.now() - started) / 1000;
  return { seconds, mbPerSecond: (count * bytes) / 1e6 / seconds };
};

const PAYLOAD = Buffer.concat([Buffer.from('E\n'), Buffer.alloc(64, 'x')]);

/** One new connection, 64 bytes there and back, closed. Returns the time until the SOCKS reply. */
const request = async (target: Target): Promise<number> => {
  const started = performance.now();
  let got = 0;
  const answered = Promise.withResolvers<void>();
  const socket = await connect(target, (count) => {
    got += count;
    if (got >= 64) answered.resolve();
  });
  const setUpMs = performance.now() - started;
  socket.on('error', answered.reject);
  socket.write(PAYLOAD);
  await answered.promise;
  const over = closed(socket);
  socket.end();
  await over;
  return setUpMs;
};

const requests = async (target: Target, concurrency: number, count: number): Promise<Figures> => {
  const times: number[] = [];
  const started = performance.now();
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      times.push(await request(target));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = (performance.now() - started) / 1000;
  return { seconds, perSecond: count / seconds, setUpP50Ms: median(times), setUpP99Ms: quantile(times, 0.99) };
};

/** Ping-pong of 64 bytes on one stream. */
const ping = async (target: Target, pings: number): Promise<Figures> => {
  let answer = Promise.withResolvers<void>();
  let got = 0;
  const socket = await connect(target, (count) => {
    got += count;
    if (got >= 64) answer.resolve();
  });
  socket.write('E\n');
  const times: number[] = [];
  for (let index = 0; index < pings; index += 1) {
    got = 0;
    answer = Promise.withResolvers<void>();
    const sent = performance.now();
    socket.write(PAYLOAD.subarray(2));
    await answer.promise;
    times.push(performance.now() - sent);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return { p50Ms: median(times), p99Ms: quantile(times, 0.99) };
};

/** Downloads on so many streams until standard input says stop. */
const flood = async (target: Target, streams: number): Promise<Figures> => {
  let bytes = 0;
  for (let index = 0; index < streams; index += 1) {
    const socket = await connect(target, (count) => {
      bytes += count;
    });
    socket.on('error', () => undefined);
    socket.write('D 1000000000000\n');
  }
  process.stdout.write('{}\n');
  const started = performance.now();
  const before = bytes;
  await lines.next();
  return { mbPerSecond: (bytes - before) / 1e3 / (performance.now() - started) };
};

/** Opens so many streams and holds them until standard input ends. */
const idle = async (target: Target, streams: number): Promise<Figures> => {
  const started = performance.now();
  const sockets: net.Socket[] = [];
  let left = streams;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const socket = await connect(target, () => undefined);
      socket.write('E\n');
      sockets.push(socket);
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  const seconds = (performance.now() - started) / 1000;
  const times: number[] = [];
  for (let index = 0; index < 300; index += 1) times.push(await request(target));
  return {
    seconds,
    perSecond: streams / seconds,
    newStreamP50Ms: median(times),
    newStreamP99Ms: quantile(times, 0.99),
  };
};

const run = (job: Job): Promise<Figures> => {
  switch (job.kind) {
    case 'bulk':
      return bulk(job, job.direction, job.streams, job.bytes);
    case 'requests':
      return requests(job, job.concurrency, job.count);
    case 'ping':
      return ping(job, job.pings);
    case 'flood':
      return flood(job, job.streams);
    case 'idle':
      return idle(job, job.streams);
  }
};

const lines = process.stdin.setEncoding('utf8')[Symbol.asyncIterator]();
const { value: first } = (await lines.next()) as { value: string };
process.stdout.write(`${JSON.stringify(await run(JSON.parse(first) as Job))}\n`);
// An idle job holds its streams until whoever asked has measured.
await lines.next();
process.exit(0);
