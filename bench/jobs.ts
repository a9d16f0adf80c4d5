// What the load generator can be told to do, and how each job is done. Every job is bounded in time.

import http from 'node:http';
import type net from 'node:net';
import { flood as floodDatagrams } from './datagrams.ts';
import { connect, type Target } from './socks-client.ts';

export type Work =
  /** Streams that all move bytes for so long, from the moment that all of them are set up. */
  | {
      readonly kind: 'bulk';
      readonly direction: 'down' | 'up' | 'both';
      readonly streams: number;
      readonly seconds: number;
    }
  /** New connections, 64 bytes there and back, closed. The first `skip` do not count, `most` ends it early. */
  | {
      readonly kind: 'requests';
      readonly concurrency: number;
      readonly seconds: number;
      readonly most?: number;
      readonly skip?: number;
    }
  /** 64 bytes there and back on one stream, again and again. */
  | { readonly kind: 'ping'; readonly seconds: number }
  /** Downloads until `stopped`. */
  | { readonly kind: 'flood'; readonly streams: number }
  /** Datagrams at this pace until `stopped`. */
  | { readonly kind: 'datagrams'; readonly perSecond: number }
  /** So many who follow the events of the server at its admin socket, as dashboards do, until `stopped`. */
  | { readonly kind: 'watch'; readonly dashboards: number; readonly socket: string }
  /** Streams that are set up and then do nothing until `stopped`. */
  | { readonly kind: 'hold'; readonly streams: number };

export type Figures = Readonly<Record<string, number>>;

/** Called once streams stand that others are measured beside; resolves when they may go. */
type Hold = (figures: Figures) => Promise<void>;

const quantile = (values: readonly number[], q: number): number => {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const BLOCK = Buffer.alloc(256 * 1024, 'load');

const writeOn = (socket: net.Socket): void => {
  socket.write(BLOCK, (error) => {
    if (!error) writeOn(socket);
  });
};

/** A stream that is set up and waits; `run` moves bytes for so long and resolves with how many arrived in a second. */
interface Transfer {
  readonly run: (seconds: number) => Promise<number>;
}

const download = async (target: Target): Promise<Transfer> => {
  let got = 0;
  const socket = await connect(target, (count) => {
    got += count;
  });
  return {
    run: async (seconds) => {
      const failed = Promise.withResolvers<never>();
      socket.on('error', failed.reject).on('close', () => failed.reject(new Error(`closed after ${got} bytes`)));
      const started = performance.now();
      socket.write('D\n');
      await Promise.race([pause(seconds * 1000), failed.promise]);
      const rate = got / ((performance.now() - started) / 1000);
      failed.promise.catch(() => undefined);
      socket.destroy();
      return rate;
    },
  };
};

const upload = async (target: Target): Promise<Transfer> => {
  let answer = '';
  const done = Promise.withResolvers<number>();
  const socket = await connect(target, (count, buffer) => {
    answer += Buffer.from(buffer.buffer, buffer.byteOffset, count).toString('latin1');
    if (answer.endsWith('\n')) done.resolve(Number(answer));
  });
  return {
    run: async (seconds) => {
      socket.on('error', done.reject).on('close', () => done.reject(new Error('closed without an answer')));
      socket.write(`U ${seconds * 1000}\n`);
      writeOn(socket);
      const rate = await done.promise;
      socket.destroy();
      return rate;
    },
  };
};

const bulk = async (target: Target, work: Work & { readonly kind: 'bulk' }): Promise<Figures> => {
  const { direction, streams, seconds } = work;
  const each = direction === 'both' ? [download, upload] : [direction === 'down' ? download : upload];
  const transfers = await Promise.all(each.flatMap((open) => Array.from({ length: streams }, () => open(target))));
  const rates = await Promise.all(transfers.map(({ run }) => run(seconds)));
  const bytesPerSecond = rates.reduce((sum, rate) => sum + rate, 0);
  return { mbPerSecond: bytesPerSecond / 1e6, gigabytes: (bytesPerSecond * seconds) / 1e9 };
};

const GREETING = Buffer.from('E\n');
const PING = Buffer.alloc(64, 'x');
const ECHO = Buffer.concat([GREETING, PING]);

interface Timing {
  /** Until the SOCKS reply. */
  readonly setUpMs: number;
  /** Until the first byte of the app. */
  readonly firstByteMs: number;
}

const request = async (target: Target): Promise<Timing> => {
  const started = performance.now();
  let got = 0;
  let firstByteMs = 0;
  const answered = Promise.withResolvers<void>();
  const socket = await connect(target, (count) => {
    if (got === 0) firstByteMs = performance.now() - started;
    got += count;
    if (got >= PING.length) answered.resolve();
  });
  const setUpMs = performance.now() - started;
  const over = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', answered.reject).on('close', () => answered.reject(new Error('closed before the answer')));
  socket.write(ECHO);
  await answered.promise;
  socket.end();
  await over;
  return { setUpMs, firstByteMs };
};

const requests = async (target: Target, work: Work & { readonly kind: 'requests' }): Promise<Figures> => {
  const { concurrency, seconds, most = Number.POSITIVE_INFINITY, skip = 0 } = work;
  const timings: Timing[] = [];
  let begun = 0;
  let started = performance.now();
  const end = started + seconds * 1000;
  const worker = async (): Promise<void> => {
    while (begun < most && (performance.now() < end || timings.length <= skip)) {
      begun += 1;
      timings.push(await request(target));
      if (timings.length === skip) started = performance.now();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const counted = timings.slice(skip);
  const setUps = counted.map(({ setUpMs }) => setUpMs);
  const firstBytes = counted.map(({ firstByteMs }) => firstByteMs);
  return {
    perSecond: counted.length / ((performance.now() - started) / 1000),
    setUpP50Ms: quantile(setUps, 0.5),
    setUpP99Ms: quantile(setUps, 0.99),
    firstByteP50Ms: quantile(firstBytes, 0.5),
    firstByteP99Ms: quantile(firstBytes, 0.99),
    requests: timings.length,
  };
};

const ping = async (target: Target, seconds: number): Promise<Figures> => {
  let answer = Promise.withResolvers<void>();
  let got = 0;
  const socket = await connect(target, (count) => {
    got += count;
    if (got >= PING.length) answer.resolve();
  });
  socket.on('error', (error) => answer.reject(error)).on('close', () => answer.reject(new Error('closed')));
  socket.write(GREETING);
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  // One answer at least, however long it takes.
  while (times.length === 0 || performance.now() < end) {
    got = 0;
    answer = Promise.withResolvers();
    const sent = performance.now();
    socket.write(PING);
    await answer.promise;
    times.push(performance.now() - sent);
    await pause(2);
  }
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), pings: times.length };
};

const flood = async (target: Target, streams: number, hold: Hold): Promise<Figures> => {
  let bytes = 0;
  const open = (): Promise<net.Socket> =>
    connect(target, (count) => {
      bytes += count;
    });
  for (const socket of await Promise.all(Array.from({ length: streams }, open)))
    socket.on('error', () => socket.destroy()).write('D\n');
  // Those who are measured beside it shall meet it at full speed.
  await pause(FLOOD_RAMP_MS);
  const started = performance.now();
  const before = bytes;
  await hold({});
  return { mbPerSecond: (bytes - before) / 1e3 / (performance.now() - started) };
};
const FLOOD_RAMP_MS = 500;

const datagrams = async (target: Target, perSecond: number, hold: Hold): Promise<Figures> => {
  const { counts } = await floodDatagrams(target, perSecond);
  await pause(FLOOD_RAMP_MS);
  const [started, before] = [performance.now(), counts()];
  await hold({});
  const [tookSeconds, after] = [(performance.now() - started) / 1000, counts()];
  const [sent, back] = [after.sent - before.sent, after.back - before.back];
  return { datagramsPerSecond: sent / tookSeconds, datagramsBackPercent: (back / sent) * 100 };
};

/** How many set-ups of a process go on at the same time. */
const HOLD_CONCURRENCY = 32;

const holdIdle = async (target: Target, streams: number, hold: Hold): Promise<Figures> => {
  const started = performance.now();
  const sockets: net.Socket[] = [];
  let left = streams;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      // It stands once the app has answered: some say so before they have reached it, some say nothing.
      const answered = Promise.withResolvers<void>();
      const socket = await connect(target, () => answered.resolve());
      socket.on('error', () => socket.destroy()).on('close', () => answered.reject(new Error('closed')));
      socket.write(ECHO);
      await answered.promise;
      sockets.push(socket);
    }
  };
  await Promise.all(Array.from({ length: HOLD_CONCURRENCY }, worker));
  await hold({ setUpSeconds: (performance.now() - started) / 1000 });
  return { lost: sockets.filter(({ destroyed }) => destroyed).length };
};

/** One dashboard, once it has been told all there is; `count` is told of what comes from then on. */
const openDashboard = async (socketPath: string, count: (bytes: number) => void): Promise<void> => {
  const ready = Promise.withResolvers<void>();
  const request = http.get({ socketPath, path: '/api/v1/events' }, (response) => {
    let isReady = false;
    let last = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      if (isReady) count(text.length);
      isReady ||= (last + text).includes('event: ready');
      last = text.slice(-20);
      if (isReady) ready.resolve();
    });
    response.once('close', () => ready.reject(new Error('the events ended')));
  });
  request.once('error', ready.reject);
  await ready.promise;
};

const watch = async (socket: string, dashboards: number, hold: Hold): Promise<Figures> => {
  let bytes = 0;
  const count = (more: number): void => {
    bytes += more;
  };
  await Promise.all(Array.from({ length: dashboards }, () => openDashboard(socket, count)));
  const started = performance.now();
  await hold({});
  return { eventsKbPerSecond: bytes / (performance.now() - started) };
};

export const runJob = (target: Target, work: Work, hold: Hold): Promise<Figures> => {
  switch (work.kind) {
    case 'bulk':
      return bulk(target, work);
    case 'requests':
      return requests(target, work);
    case 'ping':
      return ping(target, work.seconds);
    case 'flood':
      return flood(target, work.streams, hold);
    case 'datagrams':
      return datagrams(target, work.perSecond, hold);
    case 'watch':
      return watch(work.socket, work.dashboards, hold);
    case 'hold':
      return holdIdle(target, work.streams, hold);
  }
};
