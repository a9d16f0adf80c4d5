// What the server answers to a hello: who may come in as which local or client, and to which session a tunnel belongs.

import { DepotError } from '../errors.ts';
import { encodeJsonFrame, FrameType } from '../link/frames.ts';
import { fittingPacRules, type Hello, PROTOCOL_VERSIONS, type Welcome } from '../link/messages.ts';
import type { FrameConnection } from '../net/frame-connection.ts';
import type { OrderedRule } from '../rules/ordered.ts';
import { SOFTWARE } from '../version.ts';
import type { Clients } from './clients.ts';
import type { Joining } from './joining.ts';
import type { Caller } from './link-door.ts';
import type { Registry } from './registry.ts';
import { Session } from './session.ts';
import type { PoolOptions } from './tunnel-pool.ts';

export interface AdmissionOptions {
  readonly joining: Joining;
  readonly locals: Registry;
  readonly clients: Clients;
  readonly pool: PoolOptions;
  /** The port for tunnels, where it is another one than the control port. */
  readonly tunnelPort: () => number | undefined;
  /** What a browser of this user sends to depot besides `*.depot`. */
  readonly pacRules: (user: string) => readonly OrderedRule[];
}

type ControlHello = Exclude<Hello, { purpose: 'tunnel' }>;

export class Admission {
  readonly #options: AdmissionOptions;
  #draining = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** From now on nobody begins a session. Tunnels of those that there are still come in. */
  drain(): void {
    this.#draining = true;
  }

  /** Takes `drain` back. */
  resume(): void {
    this.#draining = false;
  }

  /** Takes the connection over, or throws a `DepotError` for the other side. */
  receive(hello: Hello, caller: Caller, connection: FrameConnection): void {
    if (hello.purpose === 'tunnel') this.#attach(hello.id, caller, connection);
    else if (this.#draining) throw new DepotError('stopped', 'the server is about to stop');
    else if (hello.purpose === 'client') this.#welcomeClient(hello, caller, connection);
    else this.#welcomeLocal(hello, caller, connection);
  }

  #attach(id: string, { fingerprint }: Caller, connection: FrameConnection): void {
    const { locals, clients } = this.#options;
    const session = locals.byFingerprint(fingerprint) ?? clients.byFingerprint(fingerprint);
    if (session?.pool.attach(id, connection) !== true)
      throw new DepotError('protocol-violation', 'a tunnel that nobody asked for');
  }

  #welcomeLocal(hello: ControlHello, caller: Caller, connection: FrameConnection): void {
    const { joining, locals, pool } = this.#options;
    const version = commonVersion(hello);
    const name = joining.local(caller.fingerprint, hello.invitation);
    this.#welcome({ version, name }, connection);
    const { software, platform } = hello;
    locals.add(new Session({ kind: 'local', name, ...caller, software, platform, version }, connection, pool));
  }

  #welcomeClient(hello: Extract<Hello, { purpose: 'client' }>, caller: Caller, connection: FrameConnection): void {
    const { joining, clients, pool } = this.#options;
    const version = commonVersion(hello);
    const client = joining.client(caller.fingerprint, hello.device, hello.invitation);
    const pacRules = fittingPacRules(this.#options.pacRules(client.user).map(({ text }) => text));
    this.#welcome({ version, name: client.device, user: client.user, pacRules }, connection);
    const { software, platform } = hello;
    clients.add(client, { from: caller.from, software, platform, version }, connection, pool);
  }

  #welcome(who: Pick<Welcome, 'version' | 'name' | 'user' | 'pacRules'>, connection: FrameConnection): void {
    // One port for both may have another number where it is dialed (port forwarding), so it is not named then.
    const tunnelPort = this.#options.tunnelPort();
    const welcome: Welcome = {
      ...who,
      software: SOFTWARE,
      time: Date.now(),
      ...(tunnelPort !== undefined && { tunnelPort }),
    };
    connection.send(encodeJsonFrame(FrameType.welcome, 0, welcome));
  }
}

const commonVersion = ({ versions, software }: ControlHello): number => {
  const version = PROTOCOL_VERSIONS.find((ours) => versions.includes(ours));
  if (version !== undefined) return version;
  throw new DepotError(
    'version-mismatch',
    `this server speaks version ${PROTOCOL_VERSIONS.join(', ')} of the protocol, ${software} speaks ${versions.join(', ')}; upgrade the older one`,
  );
};
