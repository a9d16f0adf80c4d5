// The public side, put together: entry, door for locals, registry, router, state and admin socket.

import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Door } from '../entry/door.ts';
import { DepotError, messageOf } from '../errors.ts';
import { WindowBudget } from '../link/window.ts';
import { type Log, logOf } from '../log.ts';
import { FairShare } from '../net/fair-share.ts';
import { Listener } from '../net/listener.ts';
import { type StreamEnd, Streams, type StreamSnapshot } from '../net/streams.ts';
import { TlsAcceptor } from '../net/tls.ts';
import { formatAddress } from '../socks/address.ts';
import type { Store } from '../store/store.ts';
import { VERSION } from '../version.ts';
import { AdminSocket, type Administration } from '../watch/admin-api.ts';
import type { ServerStatus } from '../watch/status.ts';
import { Access } from './access.ts';
import { beginAnew, type FirstStart, StoreAdministration } from './administration.ts';
import { Admission } from './admission.ts';
import { ServerConnector } from './connector.ts';
import { LinkDoor } from './link-door.ts';
import { Registry } from './registry.ts';
import { splitUser } from './router.ts';
import type { LocalSession } from './session.ts';
import {
  advertisedHost,
  isGuessed,
  isLoopbackHost,
  openServerState,
  type ServerOptions,
  type ServerState,
} from './state.ts';
import { statusOfLocals } from './status.ts';

/** What a server tells while it runs. */
export interface ServerEvents {
  /** A local has connected. */
  localUp: [{ readonly name: string; readonly from: string }];
  /** A local's session is over. */
  localDown: [{ readonly name: string; readonly error: DepotError }];
  streamStart: [StreamSnapshot];
  streamEnd: [StreamEnd];
}

export class DepotServer implements AsyncDisposable {
  /** `localUp`, `localDown`, `streamStart`, `streamEnd`. */
  readonly events = new EventEmitter<ServerEvents>();
  /** Set on the first start of a home only. */
  firstStart: FirstStart | undefined;

  readonly #state: ServerState;
  readonly #log: Log;
  readonly #startedAt = Date.now();
  readonly #registry: Registry;
  readonly #streams: Streams;
  readonly #entry: Door;
  readonly #door: LinkDoor;
  #listeners: { readonly socks: Listener; readonly control: Listener; readonly tunnel: Listener } | undefined;
  #admin: AdminSocket | undefined;
  #administration: Administration | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(state: ServerState, log: Log) {
    const { config, store, identity } = state;
    this.#state = state;
    this.#log = log;
    this.#registry = new Registry({
      onUp: (session) => this.#localUp(session),
      onDown: (session, error) => this.#localDown(session, error),
    });
    const connector = new ServerConnector({ store, registry: this.#registry, openMs: config.openMs });
    this.#streams = new Streams(connector.connect, {
      onStart: (stream) => this.events.emit('streamStart', stream),
      onEnd: (stream) => this.#streamEnd(stream),
    });
    const share = new FairShare();
    this.#entry = new Door({
      share,
      streams: this.#streams,
      authenticate: new Access(store).authenticate,
      anonymous: config.allowAnonymous,
      handshakeMs: config.handshakeMs,
      httpIdleMs: config.httpIdleMs,
      advertised: config.advertise,
      onTurnedAway: (from, why) =>
        log.info({ event: 'turned-away', port: 'socks', from, why }, `turned away ${from}: ${why}`),
    });
    const admission = new Admission({
      store,
      registry: this.#registry,
      pool: {
        min: config.tunnelsMin,
        max: config.tunnelsMax,
        idMs: config.tunnelIdMs,
        windows: { maxBytes: config.windowMaxBytes, budget: new WindowBudget(config.windowBudgetBytes) },
      },
      tunnelPort: () => this.#ownTunnelPort(),
      log,
    });
    this.#door = new LinkDoor({
      share,
      acceptor: new TlsAcceptor(identity),
      handshakeMs: config.handshakeMs,
      heartbeat: config,
      onHello: (hello, caller, connection) => admission.receive(hello, caller, connection),
      onTurnedAway: (from, why) =>
        log.info({ event: 'turned-away', port: 'control', from, why }, `turned away ${from}: ${why}`),
    });
  }

  /** Opens the home, binds every port, and runs. Rejects with a `DepotError` and leaves nothing open. */
  static async start(options: ServerOptions): Promise<DepotServer> {
    const state = openServerState(options);
    const server = new DepotServer(state, logOf(options.log, state.config.logLevel));
    try {
      await server.#start();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { config, store, home } = this.#state;
    const { host, socksHost = host, socksPort, controlPort } = config;
    const isNew = store.isEmpty();
    if (!isNew) this.#requireSomebody(store);
    const control = await Listener.listen(
      { host, port: controlPort, purpose: 'control', flag: '--control-port' },
      (socket) => this.#watch(this.#door.serve(socket)),
    );
    const tunnelPort = config.tunnelPort ?? control.address.port;
    const tunnel =
      tunnelPort === control.address.port
        ? control
        : await Listener.listen({ host, port: tunnelPort, purpose: 'tunnel', flag: '--tunnel-port' }, (socket) =>
            this.#watch(this.#door.serve(socket)),
          ).catch((error: unknown) => {
            control.close();
            throw error;
          });
    const socks = await Listener.listen(
      { host: socksHost, port: socksPort, purpose: 'SOCKS', flag: '--socks-port' },
      (socket) => this.#watch(this.#entry.serve(socket)),
    ).catch((error: unknown) => {
      control.close();
      tunnel.close();
      throw error;
    });
    this.#listeners = { socks, control, tunnel };
    this.#administration = this.#administrationFor(control.address.port);
    this.#admin = await AdminSocket.listen(home.socketFile, this, this.#administration);
    store.setLinkTarget({ host: advertisedHost(config), port: control.address.port });
    if (isNew) this.firstStart = await beginAnew(this.#administration);
  }

  /** One connection must never take the others with it, whatever we did not foresee. */
  #watch(serving: Promise<void>): void {
    serving.catch((error: unknown) =>
      this.#log.error({ event: 'unforeseen', error: messageOf(error) }, `unforeseen: ${messageOf(error)}`),
    );
  }

  /** A port that anybody can reach and nobody can use, or worse, that everybody can use, is an accident. */
  #requireSomebody(store: Store): void {
    const { host, socksHost = host, allowAnonymous } = this.#state.config;
    if (allowAnonymous || isLoopbackHost(socksHost) || store.users().length > 0) return;
    throw new DepotError(
      'invalid-config',
      'There are no users, so nobody could use this server. Make one with `depot user add NAME`, or let everybody in with --allow-anonymous.',
    );
  }

  #administrationFor(port: number): Administration {
    const { config, store, identity } = this.#state;
    const target = { host: advertisedHost(config), port };
    return new StoreAdministration({
      store,
      invitationMs: config.invitationMs,
      linkTarget: { ...target, fingerprint: identity.fingerprint },
      onUserRemoved: (name) => this.#endStreamsOf(name),
      onLocalRevoked: (name) => this.#registry.end(name, new DepotError('revoked', `local ${name} was revoked`)),
    });
  }

  /** Where clients and locals reach this server, with the ports that it really has. */
  get address(): {
    readonly host: string;
    /** Whether `host` is only this machine's first address, for want of `advertise`. */
    readonly guessed: boolean;
    readonly socksPort: number;
    readonly controlPort: number;
    readonly tunnelPort: number;
  } {
    const listeners = this.#listeners;
    if (listeners === undefined) throw new DepotError('stopped', 'this server does not listen');
    const { socks, control, tunnel } = listeners;
    return {
      host: advertisedHost(this.#state.config),
      guessed: isGuessed(this.#state.config),
      socksPort: socks.address.port,
      controlPort: control.address.port,
      tunnelPort: tunnel.address.port,
    };
  }

  /** SHA-256 of the server's public key, base64url. */
  get fingerprint(): string {
    return this.#state.identity.fingerprint;
  }

  /** Users, locals and invitations. */
  get administration(): Administration {
    if (this.#administration === undefined) throw new DepotError('stopped', 'this server does not run');
    return this.#administration;
  }

  status(): ServerStatus {
    const { store, config } = this.#state;
    const { socksPort, controlPort, tunnelPort } = this.address;
    const streams = this.#streams.snapshots();
    return {
      role: 'server',
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt,
      host: config.host,
      ports: { socks: socksPort, control: controlPort, tunnel: tunnelPort },
      fingerprint: this.fingerprint,
      users: store.users().length,
      locals: statusOfLocals(store, this.#registry, streams),
      streams,
    };
  }

  /** Ends a stream by its number, or the session of a local by its name. Throws `not-found`. */
  kick(id: string): void {
    const error = new DepotError('stopped', 'ended by the operator');
    if (!this.#streams.end(Number(id), error) && !this.#registry.end(id, error))
      throw new DepotError(
        'not-found',
        `There is no stream and no connected local ${id}. \`depot status\` shows what there is.`,
      );
  }

  /**
   * Stops. With `drain` running streams may go on for `drainMs`; whatever is left then is aborted.
   * Calling it again without `drain` ends at once.
   */
  stop({ drain = false }: { readonly drain?: boolean } = {}): Promise<void> {
    if (!drain) void this.#endAll();
    this.#stopping ??= this.#stop(drain);
    return this.#stopping;
  }

  async #stop(drain: boolean): Promise<void> {
    this.#listeners?.socks.close();
    this.#entry.close();
    if (drain && this.#streams.size > 0) {
      this.#log.info(
        { event: 'draining', streams: this.#streams.size },
        `draining: ${this.#streams.size} streams may end within ${this.#state.config.drainMs / 1000} s; a second SIGTERM ends at once`,
      );
      const patience = new AbortController();
      const wait = sleep(this.#state.config.drainMs, undefined, { signal: patience.signal }).catch(() => undefined);
      await Promise.race([this.#streams.idle(), wait]);
      patience.abort();
    }
    await this.#endAll();
    this.#door.close();
    this.#listeners?.control.close();
    this.#listeners?.tunnel.close();
    this.#admin?.close();
    this.#state.store[Symbol.dispose]();
  }

  async #endAll(): Promise<void> {
    const error = new DepotError('stopped', 'the server was stopped');
    this.#streams.endAll(error);
    await this.#streams.idle();
    await this.#registry.endAll(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // Locals.

  #ownTunnelPort(): number | undefined {
    const { controlPort, tunnelPort } = this.address;
    return tunnelPort === controlPort ? undefined : tunnelPort;
  }

  /** A disk that is full must not cost a session. */
  #seen(name: string): void {
    try {
      this.#state.store.touchLocal(name, Date.now());
    } catch (error) {
      this.#log.error({ event: 'store-failed' }, `cannot remember that ${name} was seen: ${messageOf(error)}`);
    }
  }

  #localUp({ peer: { name, from, software, platform } }: LocalSession): void {
    this.#seen(name);
    this.#log.info(
      { event: 'local-up', local: name, from, software, platform },
      `local ${name} connected from ${from}`,
    );
    this.events.emit('localUp', { name, from });
  }

  #localDown({ peer: { name } }: LocalSession, error: DepotError): void {
    this.#seen(name);
    this.#log.warn({ event: 'local-down', local: name, code: error.code }, `local ${name} went away: ${error.message}`);
    this.events.emit('localDown', { name, error });
  }

  // Streams.

  #streamEnd(stream: StreamEnd): void {
    const { id, command, user, from, target, local, reply, bytesUp, bytesDown, error } = stream;
    const durationMs = Math.round(stream.durationMs);
    const fields = {
      event: 'stream-end',
      id,
      command,
      user,
      from,
      target,
      local,
      reply,
      bytesUp,
      bytesDown,
      durationMs,
      code: error?.code,
    };
    this.#log.info(
      fields,
      `stream ${id} (${command} ${formatAddress(target)}) ended${error === undefined ? '' : `: ${error.message}`}`,
    );
    this.events.emit('streamEnd', stream);
  }

  #endStreamsOf(name: string): void {
    const error = new DepotError('not-allowed', `user ${name} was removed`);
    for (const { id, user } of this.#streams.snapshots()) {
      if (user !== undefined && splitUser(user).user === name) this.#streams.end(id, error);
    }
  }
}
