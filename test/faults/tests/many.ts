// Many streams that do little or nothing, and a few that do a lot in both directions.

import { once } from 'node:events';
import type net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { residentKib } from '../../../bench/processes.ts';
import { App } from '../../support/apps.ts';
import { openStream } from '../../support/socks-client.ts';
import { duration, type Fault, type Outcome, quantile, type Stage } from '../fault.ts';
import { descriptorsOf, Gateway } from '../gateway.ts';
import { drained } from '../transfer.ts';

const READERS = 200;
const SOURCE_BYTES = 1_000_000_000;
const GROWTH_KIB = 512;
/** What counts as "stays": less than this much of the growth is added in as long again. */
const STAYS = 0.1;
const FILLING_MS = 10_000;
const IDLE = 9000;
const IDLE_KIB = 12;
const NEW_STREAMS = 200;
const NEW_STREAM_MS = 50;
const ECHOES = 20;
const ECHO_BYTES = 100 * 1000 * 1000;
const STUCK_MS = 30_000;

const BLOCK = Buffer.alloc(256 * 1024, 'depot');

/** Sends so many bytes to whoever connects, as fast as they are taken. */
const source = (bytes: number): Promise<App> =>
  App.listen((socket) => {
    let left = bytes;
    const more = (): void => {
      while (left > 0 && !socket.destroyed) {
        left -= BLOCK.length;
        if (!socket.write(BLOCK)) {
          socket.once('drain', more);
          return;
        }
      }
      socket.end();
    };
    more();
  });

interface Memory {
  readonly server: number;
  readonly local: number;
}

const memoryOf = (gateway: Gateway): Memory => ({
  server: residentKib(gateway.server.pid),
  local: residentKib(gateway.local().pid),
});

const each = (after: Memory, before: Memory, count: number): Memory => ({
  server: (after.server - before.server) / count,
  local: (after.local - before.local) / count,
});
const inKib = ({ server, local }: Memory): string =>
  `${server.toFixed(1)} KiB each on the server, ${local.toFixed(1)} on the local`;

const openMany = async (gateway: Gateway, port: number, count: number): Promise<net.Socket[]> => {
  const sockets: net.Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(50, count - sockets.length) }, () => openStream(gateway.target(port)));
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
};

const stopReading = async (stage: Stage): Promise<Outcome> => {
  await using gateway = await Gateway.start({ stage });
  await using app = await source(SOURCE_BYTES);
  await gateway.join();
  await gateway.works(app.port);
  const before = memoryOf(gateway);
  const count = stage.count(READERS, 50);
  const sockets = await openMany(gateway, app.port, count);
  await pause(stage.time(FILLING_MS));
  const filled = each(memoryOf(gateway), before, count);
  await pause(stage.time(FILLING_MS));
  const later = each(memoryOf(gateway), before, count);
  for (const socket of sockets) socket.destroy();
  const grew = Math.max(later.server, later.local);
  const stays = [filled.server - later.server, filled.local - later.local].every((less) => -less <= STAYS * GROWTH_KIB);
  return {
    reached: `${count} readers: ${inKib(filled)}, as long again later ${inKib(later)}`,
    met: grew < GROWTH_KIB && stays,
  };
};

export const stoppedReaders: Fault = {
  name: 'readers',
  what: '200 readers that stop, each on a 1 GB source',
  figure: 'RSS grows by less than 512 KiB each, then stays',
  minutes: 1,
  run: stopReading,
};

const stayIdle = async (stage: Stage): Promise<Outcome> => {
  await using gateway = await Gateway.start({ stage });
  await using app = await App.echo();
  await gateway.join();
  await gateway.works(app.port);
  const before = memoryOf(gateway);
  const count = stage.count(IDLE, 500);
  const sockets = await openMany(gateway, app.port, count);
  const grown = each(memoryOf(gateway), before, count);
  const took: number[] = [];
  for (let left = NEW_STREAMS; left > 0; left -= 1) took.push((await gateway.ask(app.port)).tookMs);
  for (const socket of sockets) socket.destroy();
  const p99 = quantile(took, 0.99);
  return {
    reached: `${count} streams: ${inKib(grown)}; a new stream p50 ${duration(quantile(took, 0.5))}, p99 ${duration(p99)}`,
    met: Math.max(grown.server, grown.local) <= IDLE_KIB && p99 <= NEW_STREAM_MS,
  };
};

export const idleStreams: Fault = {
  name: 'idle',
  what: '9 000 idle streams',
  figure: 'at most 12 KiB per stream and process, a new stream p99 50 ms',
  minutes: 1,
  run: stayIdle,
};

/** Sends without waiting for what comes back, and reads all the while; false where nothing moved for too long. */
const echo = async (socket: net.Socket, bytes: number): Promise<boolean> => {
  let [got, movedMs] = [0, performance.now()];
  socket.resume().on('data', (data: Buffer) => {
    got += data.length;
    movedMs = performance.now();
  });
  const watchdog = setInterval(() => performance.now() - movedMs > STUCK_MS && socket.destroy(), 1000);
  for (let left = bytes; left > 0 && !socket.destroyed; left -= BLOCK.length) {
    const piece = BLOCK.subarray(0, Math.min(left, BLOCK.length));
    if (!socket.write(piece)) await drained(socket);
  }
  socket.end();
  if (!socket.closed) await once(socket, 'close');
  clearInterval(watchdog);
  return got === bytes;
};

const echoes = async (stage: Stage): Promise<Outcome> => {
  await using gateway = await Gateway.start({ stage });
  await using app = await App.echo();
  await gateway.join();
  const bytes = stage.short ? ECHO_BYTES / 10 : ECHO_BYTES;
  const sockets = await openMany(gateway, app.port, ECHOES);
  const startedMs = performance.now();
  const whole = (await Promise.all(sockets.map((socket) => echo(socket, bytes)))).filter(Boolean).length;
  return {
    reached: `${ECHOES} × ${bytes / 1e6} MB: ${whole} came back whole, in ${duration(performance.now() - startedMs)}`,
    met: whole === ECHOES,
  };
};

export const duplexEcho: Fault = {
  name: 'echo',
  what: '20 × 100 MB full-duplex echo',
  figure: 'no deadlock',
  minutes: 1,
  run: echoes,
};

const CHURN_MS = 15 * 60_000;
const PER_SECOND = 200;
/** From then on memory counts: a third of the time. */
const WARM = 1 / 3;
const SLOPE_KIB = 1000;
const SETTLE_MS = 5000;

/** Kilobytes a minute, by least squares. */
const slopeOf = (samples: readonly (readonly [minutes: number, kib: number])[]): number => {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(samples.map(([minutes]) => minutes)), mean(samples.map(([, kib]) => kib))];
  const above = samples.reduce((sum, [minutes, kib]) => sum + (minutes - x) * (kib - y), 0);
  return above / samples.reduce((sum, [minutes]) => sum + (minutes - x) ** 2, 0);
};

interface Rest {
  readonly server: number;
  readonly local: number;
  readonly tunnels: number;
}
const restOf = async (gateway: Gateway): Promise<Rest> => {
  const { locals, streams } = await gateway.status();
  const { idle, busy } = locals[0]?.tunnels ?? { idle: 0, busy: 0 };
  return {
    server: descriptorsOf(gateway.server),
    local: descriptorsOf(gateway.local()),
    tunnels: idle + busy * 1000 + streams.length * 1000,
  };
};

const oneStream = async (gateway: Gateway, port: number): Promise<boolean> => {
  try {
    const socket = await openStream(gateway.target(port));
    socket.end('churn');
    await once(socket.resume(), 'end');
    return true;
  } catch {
    // It was refused or cut off; how many were is among the figures.
    return false;
  }
};

const churn = async (stage: Stage): Promise<Outcome> => {
  await using gateway = await Gateway.start({ stage });
  await using app = await App.echo();
  await gateway.join();
  await oneStream(gateway, app.port);
  await pause(1000);
  const before = await restOf(gateway);
  const totalMs = Math.max(6000, CHURN_MS * stage.scale);
  const startedMs = performance.now();
  const samples: { readonly server: [number, number][]; readonly local: [number, number][] } = {
    server: [],
    local: [],
  };
  let [streams, failed] = [0, 0];
  const running = new Set<Promise<void>>();
  for (let passedMs = 0; passedMs < totalMs; passedMs = performance.now() - startedMs) {
    while (streams < (passedMs / 1000) * PER_SECOND) {
      streams += 1;
      const one = oneStream(gateway, app.port).then((whole) => {
        if (!whole) failed += 1;
        running.delete(one);
      });
      running.add(one);
    }
    if (passedMs > totalMs * WARM) {
      const memory = memoryOf(gateway);
      for (const role of ['server', 'local'] as const) samples[role].push([passedMs / 60_000, memory[role]]);
    }
    await pause(100);
  }
  await Promise.all(running);
  const endedMs = performance.now();
  let after = await restOf(gateway);
  const isBack = (): boolean =>
    after.server <= before.server && after.local <= before.local && after.tunnels <= before.tunnels;
  while (!isBack() && performance.now() - endedMs < SETTLE_MS) {
    await pause(200);
    after = await restOf(gateway);
  }
  const slopes = { server: slopeOf(samples.server), local: slopeOf(samples.local) };
  return {
    reached: `${streams} streams in ${duration(totalMs)}, ${failed} failed: ${after.server - before.server} descriptors more on the server, ${after.local - before.local} on the local, ${after.tunnels - before.tunnels} tunnels more; RSS ${(slopes.server / 1000).toFixed(2)} and ${(slopes.local / 1000).toFixed(2)} MB a minute`,
    met: isBack() && failed === 0 && Math.max(slopes.server, slopes.local) < SLOPE_KIB,
  };
};

export const churning: Fault = {
  name: 'churn',
  what: '15 min × 200 streams a second',
  figure: 'descriptors, handles and tunnels back at the start within 5 s, RSS slope after minute 5 under 1 MB a minute',
  minutes: 15,
  run: churn,
};
