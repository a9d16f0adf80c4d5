// The public side, put together: entry, door for locals, registry, router, state and admin socket.

import { EventEmitter } from 'node:events';
import { portRangeOf } from '../config/schema.ts';
import { Door } from '../entry/door.ts';
import { publish, type PublishedPort } from '../entry/published.ts';
import { DepotError, messageOf } from '../errors.ts';
import { WindowBudget } from '../link/window.ts';
import { type Log, logOf } from '../log.ts';
import { FairShare } from '../net/fair-share.ts';
import type { Request } from '../net/connector.ts';
import { Listener } from '../net/listener.ts';
import { drain, logStreamEnd } from '../net/stream-log.ts';
import { type StreamEnd, Streams, type StreamSnapshot } from '../net/streams.ts';
import { TlsAcceptor } from '../net/tls.ts';
import { isLoopbackHost } from '../socks/address.ts';
import type { Store } from '../store/store.ts';
import { VERSION } from '../version.ts';
import type { AdminSocket, Administration } from '../watch/admin-api.ts';
import type { ServerStatus } from '../watch/status.ts';
import { Access } from './access.ts';
import { beginAnew, type FirstStart, StoreAdministration } from './administration.ts';
import { Admission } from './admission.ts';
import { Clients } from './clients.ts';
import { ServerConnector } from './connector.ts';
import { certificateOf, type EntryCertificate } from './certificate.ts';
import type { Decision } from './decide.ts';
import { Gate } from './gate.ts';
import { Joining } from './joining.ts';
import { LinkDoor } from './link-door.ts';
import { Registry } from './registry.ts';
import type { Session } from './session.ts';
import { advertisedHost, isGuessed, openServerState, type ServerOptions, type ServerState } from './state.ts';
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
  readonly #share = new FairShare();
  readonly #startedAt = Date.now();
  readonly #registry: Registry;
  readonly #clients: Clients;
  readonly #gate: Gate;
  readonly #streams: Streams;
  readonly #entry: Door;
  readonly #door: LinkDoor;
  readonly #certificate: EntryCertificate;
  #listeners: { readonly socks: Listener; readonly control: Listener; readonly tunnel: Listener } | undefined;
  #published: readonly PublishedPort[] = [];
  #admin: AdminSocket | undefined;
  #administration: Administration | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(state: ServerState, log: Log) {
    const { config, store, identity } = state;
    this.#state = state;
    this.#log = log;
    // First, for it is all that can fail here, and whatever is made before it would have to be ended.
    this.#certificate = certificateOf(state, log);
    this.#registry = new Registry({
      onUp: (session) => this.#localUp(session),
      onDown: (session, error) => this.#localDown(session, error),
    });
    this.#gate = new Gate({
      store,
      registry: this.#registry,
      log,
      streams: () => this.#streams,
      rules: state.rules,
      groups: state.groups,
      rates: {
        stream: config.streamRateBytes ?? null,
        local: (name) => config.localRates[name] ?? config.localRateBytes ?? null,
      },
    });
    const connector = new ServerConnector({
      registry: this.#registry,
      gate: this.#gate,
      log,
      config,
    });
    this.#streams = new Streams(connector.connect, config, {
      onStart: (stream) => {
        this.#gate.started(stream);
        this.events.emit('streamStart', stream);
      },
      onEnd: (stream) => this.#streamEnd(stream),
    });
    const share = this.#share;
    const budget = new WindowBudget(config.windowBudgetBytes);
    this.#entry = new Door({
      share,
      streams: this.#streams,
      associate: {
        advertise: config.advertiseUdp,
        ports: config.udpPorts === undefined ? undefined : portRangeOf(config.udpPorts),
        queueBytes: config.udpQueueBytes,
      },
      authenticate: new Access(store).authenticate,
      anonymous: config.allowAnonymous,
      handshakeMs: config.handshakeMs,
      httpIdleMs: config.httpIdleMs,
      advertised: config.advertise,
      tls: { acceptor: this.#certificate.tls, pool: budget.pool },
      forThisMachine: false,
      onTurnedAway: (from, why) => this.#turnedAway('socks', from, why),
    });
    this.#clients = new Clients({ store, streams: this.#streams, log });
    const admission = new Admission({
      joining: new Joining({
        store,
        groups: state.groups,
        log,
        onRenamed: (from, to) =>
          this.#registry.end(from, new DepotError('replaced', `local ${from} is called ${to} now`)),
      }),
      locals: this.#registry,
      clients: this.#clients,
      pool: {
        min: config.tunnelsMin,
        max: config.tunnelsMax,
        idMs: config.tunnelIdMs,
        windows: {
          maxBytes: config.windowMaxBytes,
          budget,
          datagramBytes: config.udpQueueBytes,
        },
      },
      tunnelPort: () => this.#ownTunnelPort(),
    });
    this.#door = new LinkDoor({
      share,
      acceptor: new TlsAcceptor(identity),
      handshakeMs: config.handshakeMs,
      heartbeat: config,
      onHello: (hello, caller, connection) => admission.receive(hello, caller, connection),
      onTurnedAway: (from, why) => this.#turnedAway('control', from, why),
    });
  }

  /** Opens the home, binds every port, and runs. Rejects with a `DepotError` and leaves nothing open. */
  static async start(options: ServerOptions): Promise<DepotServer> {
    const state = openServerState(options);
    let server: DepotServer | undefined;
    try {
      server = new DepotServer(state, logOf(options.log, state.config.logLevel));
      await server.#start();
      return server;
    } catch (error) {
      if (server === undefined) state.store[Symbol.dispose]();
      else await server.stop();
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
    this.#published = await publish(config.publish, {
      streams: this.#streams,
      share: this.#share,
      defaultHost: socksHost,
      onTurnedAway: (from, why) => this.#turnedAway('published', from, why),
      onUnforeseen: (error) => this.#unforeseen(error),
    });
    this.#administration = this.#administrationFor(control.address.port);
    // Its web framework is loaded only now: clients and locals do not wait for it.
    const { AdminSocket } = await import('../watch/admin-api.ts');
    this.#admin = await AdminSocket.listen(home.socketFile, this, this.#administration);
    store.setLinkTarget({ host: advertisedHost(config), port: control.address.port });
    if (isNew) this.firstStart = await beginAnew(this.#administration);
  }

  /** One connection must never take the others with it, whatever we did not foresee. */
  #watch(serving: Promise<void>): void {
    serving.catch((error: unknown) => this.#unforeseen(error));
  }

  #unforeseen(error: unknown): void {
    this.#log.error({ event: 'unforeseen', error: messageOf(error) }, `unforeseen: ${messageOf(error)}`);
  }

  #turnedAway(port: 'socks' | 'control' | 'published', from: string, why: string): void {
    this.#log.info({ event: 'turned-away', port, from, why }, `turned away ${from}: ${why}`);
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
      groups: this.#state.groups,
      usedBytes: (name) => this.#gate.usedBytes(name),
      onUserChanged: (name, rulesChanged) => this.#gate.userChanged(name, rulesChanged),
      onUserRemoved: (name) => {
        this.#clients.endOf(name, new DepotError('revoked', `user ${name} was removed`));
        this.#gate.userRemoved(name);
      },
      onClientRevoked: (title) => this.#clients.end(title, new DepotError('revoked', `client ${title} was revoked`)),
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
      published: this.#published.map(({ status }) => status),
      locals: statusOfLocals(store, this.#registry, streams),
      clients: this.#clients.status(),
      streams,
    };
  }

  /** What would become of a request, and why: every step up to the first refusal. */
  decide(request: Pick<Request, 'command' | 'destination' | 'user' | 'from'>): Decision {
    return this.#gate.decide(request);
  }

  /** Ends a stream by its number, or the session of a local (NAME) or client (USER/DEVICE). Throws `not-found`. */
  kick(id: string): void {
    const error = new DepotError('stopped', 'ended by the operator');
    if (!this.#streams.end(Number(id), error) && !this.#registry.end(id, error) && !this.#clients.end(id, error))
      throw new DepotError(
        'not-found',
        `There is no stream and no connected local or client ${id}. \`depot status\` shows what there is.`,
      );
  }

  /**
   * Stops. With `drain` running streams may go on for `drainMs`; whatever is left then is aborted.
   * Calling it again without `drain` ends at once.
   */
  stop({ drain: mayEnd = false }: { readonly drain?: boolean } = {}): Promise<void> {
    if (!mayEnd) void this.#endAll();
    this.#stopping ??= this.#stop(mayEnd);
    return this.#stopping;
  }

  async #stop(mayEnd: boolean): Promise<void> {
    this.#listeners?.socks.close();
    this.#entry.close();
    for (const port of this.#published) port.close();
    this.#clients.drain();
    if (mayEnd) await drain(this.#streams, this.#state.config.drainMs, this.#log);
    await this.#endAll();
    this.#gate.close();
    this.#door.close();
    this.#listeners?.control.close();
    this.#listeners?.tunnel.close();
    this.#admin?.close();
    this.#certificate.close();
    this.#state.store[Symbol.dispose]();
  }

  async #endAll(): Promise<void> {
    const error = new DepotError('stopped', 'the server was stopped');
    this.#streams.endAll(error);
    await this.#streams.idle();
    await Promise.all([this.#registry.endAll(error), this.#clients.endAll(error)]);
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

  #localUp({ peer: { name, from, software, platform } }: Session): void {
    this.#seen(name);
    this.#log.info(
      { event: 'local-up', local: name, from, software, platform },
      `local ${name} connected from ${from}`,
    );
    this.events.emit('localUp', { name, from });
  }

  #localDown({ peer: { name } }: Session, error: DepotError): void {
    this.#seen(name);
    this.#log.warn({ event: 'local-down', local: name, code: error.code }, `local ${name} went away: ${error.message}`);
    this.events.emit('localDown', { name, error });
  }

  // Streams.

  #streamEnd(stream: StreamEnd): void {
    this.#gate.ended(stream);
    logStreamEnd(this.#log, stream);
    this.events.emit('streamEnd', stream);
  }
}
