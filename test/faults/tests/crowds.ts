// More visitors than there is room for: strangers who say half a word, and clients beyond what files there are.

import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { App } from '../../support/apps.ts';
import { LOOPBACK } from '../../support/depot.ts';
import { openStream } from '../../support/socks-client.ts';
import { duration, type Fault, type Outcome, type Stage, untilSo } from '../fault.ts';
import { descriptorsOf, Gateway } from '../gateway.ts';

const STRANGERS = 10_000;
const GONE_MS = 15_000;
const SUCCEEDING = 0.999;
const CLIENTS = 1000;
const FILES = 256;
const NORMAL_MS = 1000;
const LONGEST_MS = 60_000;

/** What strangers say before they fall silent, at the entry and at the control port. */
const HALVES = [
  Buffer.alloc(0),
  Buffer.from([5]),
  Buffer.from([5, 2, 0]),
  Buffer.from('GET / HT'),
  Buffer.from('160301', 'hex'),
];

/** From one of many addresses; undefined where it is refused. */
const knock = async (port: number, number: number): Promise<net.Socket | undefined> => {
  const from = `127.${1 + (number % 200)}.${(number >> 8) % 200}.1`;
  const socket = net.connect({ host: LOOPBACK, port, localAddress: from });
  socket.on('error', () => undefined);
  try {
    await once(socket, 'connect');
  } catch {
    // Turned away in the moment it came: gone, as it should be.
    return undefined;
  }
  socket.resume().write(HALVES[number % HALVES.length] ?? Buffer.alloc(0));
  return socket;
};

/** Asks as a user does, one request after the other, until it is told to stop. */
const usersMeanwhile = async (
  gateway: Gateway,
  port: number,
  until: AbortSignal,
): Promise<readonly [number, number]> => {
  let [asked, succeeded] = [0, 0];
  while (!until.aborted) {
    asked += 1;
    if (await gateway.works(port)) succeeded += 1;
    await pause(5);
  }
  return [asked, succeeded];
};

const strangers = async (stage: Stage): Promise<Outcome> => {
  await using gateway = await Gateway.start({ stage });
  await using app = await App.echo();
  await gateway.join();
  const { socksPort, controlPort } = gateway.printed;
  const gone = new AbortController();
  const users = usersMeanwhile(gateway, app.port, gone.signal);
  const total = stage.count(STRANGERS, 500);
  const here = new Set<net.Socket>();
  for (let number = 0; number < total; number += 1) {
    const socket = await knock(number % 2 === 0 ? socksPort : controlPort, number);
    if (socket === undefined) continue;
    here.add(socket);
    socket.once('close', () => here.delete(socket));
  }
  const most = here.size;
  const took = await untilSo(() => here.size === 0, LONGEST_MS);
  gone.abort();
  const [asked, succeeded] = await users;
  for (const socket of here) socket.destroy();
  return {
    reached: `${total} strangers, ${most} of them at once: ${succeeded} of ${asked} requests succeeded, all were gone ${duration(took)} after the last one came`,
    met: succeeded / asked >= SUCCEEDING && took <= stage.time(GONE_MS),
  };
};

export const halfOpen: Fault = {
  name: 'strangers',
  what: '10 000 half-open strangers',
  figure: "99.9 % of users' requests succeed meanwhile, all strangers gone in 15 s",
  minutes: 1,
  run: strangers,
};

const fewFiles = async (stage: Stage): Promise<Outcome> => {
  const through = ['sh', '-c', `ulimit -n ${FILES} && exec "$@"`, 'sh'];
  await using gateway = await Gateway.start({ stage, serverThrough: through, localThrough: through });
  await using app = await App.echo();
  await gateway.join();
  const { pid } = gateway.server;
  const since = (await gateway.status()).locals[0]?.since;
  // Half of them say nothing, half have a stream as soon as they get one, and all hold on.
  const sockets = await Promise.all(
    Array.from({ length: CLIENTS }, (_, number) =>
      number % 2 === 0
        ? knock(gateway.printed.socksPort, number * HALVES.length)
        : openStream(gateway.target(app.port)).catch(() => undefined),
    ),
  );
  const open = descriptorsOf(gateway.server);
  await gateway.join('another');
  await pause(1000);
  for (const socket of sockets) socket?.destroy();
  const normal = await untilSo(() => gateway.works(app.port), LONGEST_MS);
  const alive = gateway.server.child.exitCode === null && gateway.server.pid === pid;
  const home = (await gateway.status()).locals.find(({ name }) => name === 'home');
  const stayed = home?.connected === true && home.since === since;
  return {
    reached: `${CLIENTS} clients, ${open} of ${FILES} files open: ${alive ? 'no crash' : 'a crash'}, the control connection ${stayed ? 'lived' : 'was lost'}, a new local joined, normal again within ${duration(normal)}`,
    met: alive && stayed && normal <= NORMAL_MS,
  };
};

export const descriptors: Fault = {
  name: 'descriptors',
  what: '1 000 clients under `ulimit -n 256`, for server and local',
  figure: 'no crash, the control connection lives, normal again within 1 s',
  minutes: 1,
  run: fewFiles,
};
