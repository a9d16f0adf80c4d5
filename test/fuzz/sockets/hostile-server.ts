// A server that was taken over, at `depot local` and `depot client` as processes of their own: it has the key that they
// pinned, welcomes them, asks for tunnels, and then says nonsense. No local dials what its rules forbid.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { formatJoinLink, type JoiningRole } from '../../../src/link/join-link.ts';
import { App } from '../../support/apps.ts';
import { start } from '../../support/cli.ts';
import { LOOPBACK, tempDir } from '../../support/depot.ts';
import { jsonOf, LinkClient, newIdentity, Type } from '../../support/link-client.ts';
import type { Program } from '../../support/programs.ts';
import { handshake } from '../../support/socks-client.ts';
import type { Seeded } from '../../support/seeded.ts';
import { commandsFor, ORDERS, TUNNEL_FRAMES, WELCOME } from './conversations.ts';
import { checked, closed, opened, type Port, speak, type Visitors } from './port.ts';
import type { Visit } from './visit.ts';
import { assertSound, DEADLINES, GRACE_MS, IMPATIENT } from './world.ts';

/** How long a client waits for its server's answer. */
const OPEN_DEADLINE_MS = 5000;
const LINK_MS = DEADLINES.linkMs + GRACE_MS;
const VICTIMS = 4;
const TUNNELS = 64;
/** For the stream of a program to come to a tunnel; it may have gone to another one. */
const OPEN_MS = 200;
/** There is one session of each victim at a time, and the next case waits for it to end. */
const NOBODY_LINGERS = 0;
/** Whoever is turned away comes again at once. */
const EAGER = ['--reconnect-min-ms', '1', '--reconnect-silent-max-ms', '1', '--reconnect-max-ms', '1'];
/** What ends a local or a client for good, because a server may say so. */
const GIVES_UP = /speaks? no version|which we do not speak|join link|another key/;

/** Listens with a key of its own, and sorts who comes by what they are. */
class HostileServer implements AsyncDisposable {
  readonly #identity = newIdentity();
  readonly #server: tls.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #controls: LinkClient[] = [];
  readonly #wanted: ((control: LinkClient) => void)[] = [];
  readonly #tunnels = new Map<string, (tunnel: LinkClient) => void>();
  #ids = 0;

  constructor() {
    const { privateKey: key, certificate: cert } = this.#identity;
    this.#server = tls.createServer({ key, cert, requestCert: true, rejectUnauthorized: false });
    this.#server.on('connection', (socket: net.Socket) => this.#keep(socket));
    this.#server.on('secureConnection', (socket) => {
      this.#meet(LinkClient.of(socket)).catch(() => socket.destroy());
    });
  }

  async listen(): Promise<void> {
    await once(this.#server.listen(0, LOOPBACK), 'listening');
  }

  linkFor(role: JoiningRole): string {
    const { port } = this.#server.address() as net.AddressInfo;
    const { fingerprint } = this.#identity;
    const name = role === 'local' ? 'home' : 'owner';
    return formatJoinLink({ role, host: LOOPBACK, port, name, fingerprint, invitation: 'x'.repeat(43) });
  }

  /** The next control connection, which has said hello and was told nothing yet. */
  control(): Promise<LinkClient> {
    for (;;) {
      const here = this.#controls.shift();
      if (here === undefined) return new Promise((resolve) => this.#wanted.push(resolve));
      if (!here.socket.destroyed) return Promise.resolve(here);
    }
  }

  /** A tunnel, asked for on this control connection. Rejects where that ends before, or it takes too long. */
  tunnel(control: LinkClient): Promise<LinkClient> {
    const id = `tunnel-${(this.#ids += 1)}`;
    return new Promise((resolve, reject) => {
      const gone = (): void => {
        clearTimeout(timer);
        control.socket.off('close', gone);
        this.#tunnels.delete(id);
        reject(new Error('the tunnel does not come'));
      };
      const timer = setTimeout(gone, LINK_MS);
      control.socket.setMaxListeners(0).once('close', gone);
      this.#tunnels.set(id, (tunnel) => {
        clearTimeout(timer);
        control.socket.off('close', gone);
        this.#tunnels.delete(id);
        resolve(tunnel);
      });
      if (control.socket.destroyed) gone();
      else control.send(Type.control, 0, { type: 'tunnels', ids: [id] });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  async #meet(visitor: LinkClient): Promise<void> {
    const { purpose, id } = jsonOf(await visitor.next(Type.hello));
    if (purpose === 'tunnel') this.#tunnels.get(String(id))?.(visitor);
    else {
      const next = this.#wanted.shift();
      if (next === undefined) this.#controls.push(visitor);
      else next(visitor);
    }
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket.on('error', () => undefined));
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

/** Those who are at its mercy. */
class Victims implements AsyncDisposable {
  readonly #role: JoiningRole;
  readonly #args: readonly string[];
  readonly #stack = new AsyncDisposableStack();
  readonly #homes: string[] = [];
  readonly #programs: Program[] = [];

  private constructor(role: JoiningRole, allowed: number) {
    this.#role = role;
    const own =
      role === 'local' ? ['--allow', `localhost:${allowed}`] : ['--port', '0', '--open-ms', String(OPEN_DEADLINE_MS)];
    this.#args = [...own, ...IMPATIENT, ...EAGER];
  }

  /** Resolves when each of them has come to where its link leads. */
  static async start(role: JoiningRole, link: string, allowed: number, count: number): Promise<Victims> {
    const victims = new Victims(role, allowed);
    for (let number = 0; number < count; number += 1) {
      victims.#homes.push(victims.#stack.use(tempDir()).path);
      await victims.#begin(number, link);
    }
    return victims;
  }

  /** Where programs find the client. */
  get clientPort(): number {
    return Number(/listens +[\d.]+:(\d+)/.exec(this.#programs[0]?.stdout ?? '')?.[1]);
  }

  /** Who was told that there is no point in trying again is started again; nobody else may have ended. */
  async revive(link: string): Promise<void> {
    for (const [number, program] of this.#programs.entries()) {
      if (program.child.exitCode === 1 && GIVES_UP.test(program.stderr)) await this.#begin(number, link);
      else assertSound(program);
    }
  }

  check(): void {
    for (const program of this.#programs)
      if (program.child.exitCode !== 1 || !GIVES_UP.test(program.stderr)) assertSound(program);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }

  async #begin(number: number, link: string): Promise<void> {
    const program = start([this.#role, '-', '--home', this.#homes[number] ?? '', ...this.#args]);
    program.child.stdin.end(link);
    await program.says(/server +\S+\n/);
    this.#programs[number] = program;
  }
}

/** Says nonsense where the welcome, or what follows it, is expected. */
const onControl =
  (server: HostileServer) =>
  async (chance: Seeded): Promise<Visit> => {
    const control = await server.control();
    if (chance.below(2) === 0) control.send(Type.welcome, 0, WELCOME);
    return checked(await speak(control.socket, ORDERS, chance, LINK_MS, NOBODY_LINGERS));
  };

/** Says nonsense on the tunnels of a session that is in order; `knock` makes the other side open a stream. */
class TunnelHarm implements Disposable {
  readonly #server: HostileServer;
  readonly #seeds: readonly Buffer[];
  readonly #knock: (() => Promise<void>) | undefined;
  /** Those who wait for what they asked for. */
  readonly #knocking = new Set<Promise<void>>();
  readonly #pings: NodeJS.Timeout;
  #session: Promise<LinkClient> | undefined;

  constructor(server: HostileServer, seeds: readonly Buffer[], knock?: () => Promise<void>) {
    this.#server = server;
    this.#seeds = seeds;
    this.#knock = knock;
    this.#pings = setInterval(() => void this.#ping(), DEADLINES.linkMs / 4);
  }

  async visit(chance: Seeded): Promise<Visit> {
    const tunnel = await this.#tunnel();
    if (this.#knock !== undefined && this.#knocking.size < TUNNELS) {
      const knocking = this.#knock().finally(() => this.#knocking.delete(knocking));
      this.#knocking.add(knocking);
      await opened(tunnel, OPEN_MS);
    }
    return checked(await speak(tunnel.socket, this.#seeds, chance, LINK_MS));
  }

  /** Whoever asked for something has been told, or left, within its deadline. */
  async check(): Promise<void> {
    const late = AbortSignal.timeout(OPEN_DEADLINE_MS + GRACE_MS);
    await Promise.race([Promise.all(this.#knocking), once(late, 'abort')]);
    assert.equal(this.#knocking.size, 0, 'programs that were left waiting');
  }

  [Symbol.dispose](): void {
    clearInterval(this.#pings);
  }

  async #tunnel(): Promise<LinkClient> {
    for (;;) {
      const session = (this.#session ??= this.#welcome());
      const tunnel = await this.#server.tunnel(await session).catch(() => undefined);
      if (tunnel !== undefined) return tunnel;
      if (this.#session === session) this.#session = undefined;
    }
  }

  async #welcome(): Promise<LinkClient> {
    const control = await this.#server.control();
    control.send(Type.welcome, 0, WELCOME);
    return control;
  }

  async #ping(): Promise<void> {
    (await this.#session)?.send(Type.ping, 0, Buffer.alloc(8));
  }
}

/** A program that asks for an app. It is refused, cut off or served: whichever, it has to end. */
const askThrough = async (socksPort: number): Promise<void> => {
  const [wire] = await handshake({ socksPort, host: 'nas.depot', port: 80 }).catch(() => []);
  wire?.socket.resume().end();
  if (wire !== undefined) await closed(wire.socket);
};

type Harm = 'on control connections' | 'on tunnels';

const besiege = (role: JoiningRole, harm: Harm): Port['arrive'] =>
  async function arrive(): Promise<Visitors> {
    const stack = new AsyncDisposableStack();
    let reached = 0;
    const forbidden = stack.use(
      await App.listen((socket) => {
        reached += 1;
        socket.end();
      }),
    );
    const allowed = stack.use(await App.echo());
    const server = stack.use(new HostileServer());
    await server.listen();
    const link = server.linkFor(role);
    const victims = stack.use(await Victims.start(role, link, allowed.port, harm === 'on tunnels' ? 1 : VICTIMS));
    const tunnels = stack.use(
      role === 'local'
        ? new TunnelHarm(server, commandsFor(forbidden.port))
        : new TunnelHarm(server, TUNNEL_FRAMES, () => askThrough(victims.clientPort)),
    );
    const watch = setInterval(() => void victims.revive(link).catch(() => undefined), 1000);
    return {
      visit: harm === 'on tunnels' ? (chance) => tunnels.visit(chance) : onControl(server),
      check: async () => {
        await tunnels.check();
        victims.check();
        assert.equal(reached, 0, 'a local dialed what its rules forbid');
      },
      [Symbol.asyncDispose]: async () => {
        clearInterval(watch);
        await stack.disposeAsync();
      },
    };
  };

export const HOSTILE_SERVER_PORTS: readonly Port[] = (['local', 'client'] as const).flatMap((role) => [
  {
    name: `a ${role} whose server means harm, on control connections`,
    share: 0.01,
    sideBySide: VICTIMS,
    arrive: besiege(role, 'on control connections'),
  },
  {
    name: `a ${role} whose server means harm, on tunnels`,
    share: 0.02,
    sideBySide: TUNNELS,
    arrive: besiege(role, 'on tunnels'),
  },
]);
