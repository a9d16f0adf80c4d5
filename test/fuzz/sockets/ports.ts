// Visitors who say nonsense at every port of a server and a local that run as processes of their own.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { App } from '../../support/apps.ts';
import { depot, type Printed, startLocal, startNewServer } from '../../support/cli.ts';
import { tempDir } from '../../support/depot.ts';
import { controlHello, invitationOf, jsonOf, LinkClient, newIdentity, Type } from '../../support/link-client.ts';
import type { Program } from '../../support/programs.ts';
import { Seeded } from '../../support/seeded.ts';
import { openStream } from '../../support/socks-client.ts';
import { ADMIN, CONTROL_FRAMES, HTTP, PASSWORDS, SOCKS, STRANGERS, TLS, TUNNEL_FRAMES } from './conversations.ts';
import { mutate, pieces } from './mutate.ts';
import { dial, visit, type Visit } from './visit.ts';

const HANDSHAKE_MS = 2000;
/** What a port may take beyond its deadline to close, on a busy machine. */
const GRACE_MS = 4000;
const SIDE_BY_SIDE = 64;
/** How many of a hundred visitors do not say that they are through. */
const LINGERING_PERCENT = 2;

interface World {
  readonly home: string;
  readonly localHome: string;
  readonly printed: Printed;
  readonly server: Program;
  readonly local: Program;
}

interface Port {
  readonly name: string;
  /** Its part of all cases. */
  readonly share: number;
  readonly visit: (world: World, chance: Seeded) => Promise<Visit>;
}

type Attempt = (name: string, act: () => Promise<string>) => Promise<void>;

const anySource = (chance: Seeded): string =>
  `127.${1 + chance.below(250)}.${chance.below(250)}.${1 + chance.below(250)}`;
const speak = (socket: net.Socket, seeds: readonly Buffer[], chance: Seeded): Promise<Visit> =>
  visit(socket, pieces(mutate(seeds, chance), chance), chance.below(100) >= LINGERING_PERCENT, HANDSHAKE_MS + GRACE_MS);

const overTcp =
  (portOf: (printed: Printed) => number, seeds: readonly Buffer[]): Port['visit'] =>
  async ({ printed }, chance) =>
    speak(await dial(portOf(printed), anySource(chance)), seeds, chance);

const STRANGER = newIdentity();

const insideTls =
  (portOf: (printed: Printed) => number, seeds: readonly Buffer[]): Port['visit'] =>
  async ({ printed }, chance) => {
    const socket = tls.connect({
      socket: await dial(portOf(printed), anySource(chance)),
      rejectUnauthorized: false,
      key: STRANGER.privateKey,
      cert: STRANGER.certificate,
    });
    await once(socket, 'secureConnect');
    return speak(socket, seeds, chance);
  };

const admin =
  (homeOf: (world: World) => string): Port['visit'] =>
  async (world, chance) => {
    const socket = net.connect({ path: path.join(homeOf(world), 'admin.sock'), allowHalfOpen: true });
    await once(socket, 'connect');
    return visit(socket, pieces(mutate(ADMIN, chance), chance), true, HANDSHAKE_MS + GRACE_MS);
  };

/** A local that was let in: says hello, brings a tunnel, and then says nonsense on one or the other. */
const intruder: Port['visit'] = async ({ home, printed }, chance) => {
  const name = `intruder-${chance.below(1_000_000)}`;
  const { stdout } = await depot(['invite', name, '--home', home]);
  const identity = newIdentity();
  using control = await LinkClient.connect(printed.controlPort, identity);
  control.send(Type.hello, 0, controlHello(invitationOf(stdout.trim()), [2, 1]));
  await control.next(Type.welcome);
  const { ids } = jsonOf(await control.next(Type.control)) as { ids: string[] };
  for (const id of ids) {
    using tunnel = await LinkClient.connect(printed.controlPort, identity);
    tunnel.send(Type.hello, 0, { purpose: 'tunnel', id });
    await tunnel.next(Type.ping);
    await speak(tunnel.socket, TUNNEL_FRAMES, chance);
  }
  return speak(control.socket, CONTROL_FRAMES, chance);
};

const entryPort = ({ socksPort }: Printed): number => socksPort;
const linkPort = ({ controlPort }: Printed): number => controlPort;

const PORTS: readonly Port[] = [
  { name: 'the entry, SOCKS', share: 0.35, visit: overTcp(entryPort, SOCKS) },
  { name: 'the entry, passwords', share: 0.01, visit: overTcp(entryPort, PASSWORDS) },
  { name: 'the entry, HTTP', share: 0.2, visit: overTcp(entryPort, HTTP) },
  { name: 'the entry, TLS', share: 0.09, visit: overTcp(entryPort, TLS) },
  { name: 'the entry, inside TLS', share: 0.05, visit: insideTls(entryPort, [...SOCKS, ...HTTP]) },
  { name: 'the control port, TLS', share: 0.09, visit: overTcp(linkPort, TLS) },
  { name: 'the control and tunnel port, inside TLS', share: 0.05, visit: insideTls(linkPort, STRANGERS) },
  { name: 'the admin socket of the server', share: 0.08, visit: admin(({ home }) => home) },
  { name: 'the admin socket of the local', share: 0.08, visit: admin(({ localHome }) => localHome) },
  { name: 'a local that means harm', share: 0.005, visit: intruder },
];

/** What nobody may be told who has no password: that they are in, or anything from an app. */
const isLetIn = (answer: Buffer): boolean => {
  const text = answer.toString('latin1');
  const loggedIn = answer[0] === 5 && answer[1] === 2 && answer[2] === 1 && answer[3] === 0;
  return loggedIn || text.startsWith('HTTP/1.1 200 Connection established') || text.includes('hello from the app');
};

const checkVisit = ({ answer, hung }: Visit, name: string, number: number): void => {
  if (hung) throw new Error(`case ${number}: left open beyond its deadline`);
  if (!name.includes('admin') && isLetIn(answer))
    throw new Error(`case ${number}: was let in: ${answer.subarray(0, 80).toString('latin1')}`);
};

/** Both processes live, said nothing that was not foreseen, and are used by nobody but the one local. */
const checkWorld = async ({ home, printed, server, local }: World, appPort: number): Promise<void> => {
  for (const program of [server, local]) {
    assert.equal(program.child.exitCode ?? program.child.signalCode, null, `it ended: ${program.stderr.slice(-1000)}`);
    assert.doesNotMatch(program.stderr, /unforeseen|internal|Unhandled|at .*\.ts:\d+/);
  }
  const { stdout } = await depot(['status', '--json', '--home', home]);
  const status = JSON.parse(stdout) as {
    readonly users: number;
    readonly streams: readonly unknown[];
    readonly locals: readonly { readonly name: string; readonly connected: boolean }[];
  };
  assert.deepEqual(
    status.locals.filter(({ connected }) => connected).map(({ name }) => name),
    ['home'],
  );
  assert.deepEqual(status.streams, []);
  assert.equal(status.users, 1);
  const client = await openStream({ ...printed, host: 'home.depot', port: appPort });
  client.end();
  await once(client.resume(), 'end');
};

const runPort = async (world: World, { name, visit: pay }: Port, seed: number, cases: number): Promise<void> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < cases) {
      const number = next;
      next += 1;
      checkVisit(await pay(world, new Seeded(`fuzz ${seed} ${name} ${number}`)), name, number);
    }
  };
  await Promise.all(Array.from({ length: Math.min(SIDE_BY_SIDE, cases) }, worker));
};

/** Sends `cases` visitors in all, in turn to every port. */
export const fuzzPorts = async (seed: number, cases: number, attempt: Attempt): Promise<void> => {
  using home = tempDir();
  using localHome = tempDir();
  await using app = await App.listen((socket) => socket.end('hello from the app'));
  const quiet = ['--log-level', 'warn'];
  const [server, printed] = await startNewServer(home.path, ...quiet, '--handshake-ms', String(HANDSHAKE_MS));
  await using _server = server;
  await using local = await startLocal(localHome.path, printed.link);
  const world: World = { home: home.path, localHome: localHome.path, printed, server, local };
  for (const port of PORTS) {
    await attempt(port.name, async () => {
      const count = Math.ceil(cases * port.share);
      await runPort(world, port, seed, count);
      await checkWorld(world, app.port);
      return `${count} cases`;
    });
  }
};
