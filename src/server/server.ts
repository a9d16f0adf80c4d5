// The public side, put together: entry, door for locals, registry, router, state and admin socket.

import { EventEmitter } from 'node:events';
import { Door } from '../entry/door.ts';
import { Reloading, type Reloaded } from '../config/reloading.ts';
import { ServerConfig } from '../config/schema.ts';
import { Penalties } from '../credentials/penalties.ts';
import { publish, type PublishedPort } from '../entry/published.ts';
import { DepotError } from '../errors.ts';
import { WindowBudget } from '../link/window.ts';
import { type Log, logOf, type LogOption, setLevel } from '../log.ts';
import { Descriptors } from '../net/descriptors.ts';
import { FairShare } from '../net/fair-share.ts';
import { Incidents } from '../net/incidents.ts';
import type { Request } from '../net/connector.ts';
import { logStreamEnd } from '../net/stream-log.ts';
import { type StreamEnd, Streams, type StreamSnapshot } from '../net/streams.ts';
import { TlsAcceptor } from '../net/tls.ts';
import type { Administration } from '../watch/admin-api.ts';
import type { CheckQuestion, CheckResult } from '../watch/check.ts';
import { Doors } from '../watch/doors.ts';
import type { ClientDeviceStatus, RoleStatusOf, ServerStatus } from '../watch/status.ts';
import type { Watcher } from '../watch/watcher.ts';
import { Access } from './access.ts';
import { beginAnew, type FirstStart } from './administration.ts';
import { administrationOf } from './administering.ts';
import { Admission } from './admission.ts';
import { Checker } from './check.ts';
import { Clients } from './clients.ts';
import { ServerConnector } from './connector.ts';
import { certificateOf, type EntryCertificate } from './certificate.ts';
import type { Decision } from './decide.ts';
import { Gate } from './gate.ts';
import { Joining } from './joining.ts';
import { Leaving } from './leaving.ts';
import { LinkDoor } from './link-door.ts';
import { openPorts, type Ports } from './ports.ts';
import { createNotices } from './noticing.ts';
import { Presence } from './presence.ts';
import { Registry } from './registry.ts';
import { splitUser } from './router.ts';
import {
  advertisedHost,
  isGuessed,
  openServerState,
  requireSomebody,
  type ServerOptions,
  type ServerState,
} from './state.ts';
import { policyOf } from './policy.ts';
import { entrySettingsOf, LIVE_SETTINGS, poolSettingsOf } from './settings.ts';
import { roleOf, statusOfLocals } from './status.ts';
import { createWatcher } from './watching.ts';
import { startDashboard } from './web.ts';
import { webPac } from './web-pac.ts';

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
  /** What goes on, and what went on. */
  readonly watcher: Watcher;

  readonly #state: ServerState;
  readonly #log: Log;
  readonly #share = new FairShare();
  readonly #descriptors: Descriptors;
  readonly #incidents: Incidents;
  readonly #startedAt = Date.now();
  readonly #registry: Registry;
  readonly #clients: Clients;
  readonly #gate: Gate;
  readonly #checker: Checker;
  readonly #presence: Presence;
  readonly #streams: Streams;
  readonly #entry: Door;
  readonly #door: LinkDoor;
  readonly #leaving: Leaving;
  readonly #certificate: EntryCertificate;
  readonly #reloading: Reloading<typeof ServerConfig>;
  #listeners: Ports | undefined;
  #published: readonly PublishedPort[] = [];
  readonly #penalties = new Penalties();
  readonly #doors = new Doors();
  #administration: Administration | undefined;

  private constructor(state: ServerState, log: Log, option: LogOption | undefined) {
    const { config, store, identity } = state;
    this.#state = state;
    this.#log = log;
    this.#descriptors = new Descriptors(log);
    this.#incidents = new Incidents(log, (...who) => this.watcher.turnedAway(...who));
    // First, for it is all that can fail here, and whatever is made before it would have to be ended.
    this.#certificate = certificateOf(state, log);
    this.#presence = new Presence({
      notices: createNotices(config, log),
      store,
      log,
      onUp: (local) => {
        this.watcher.localUp(local.name);
        this.events.emit('localUp', local);
      },
      onDown: (local) => this.events.emit('localDown', local),
    });
    this.#registry = new Registry(this.#presence);
    this.#gate = new Gate({
      store,
      registry: this.#registry,
      log,
      streams: () => this.#streams,
      policy: state.policy,
      anonymous: config.allowAnonymous,
    });
    const connector = new ServerConnector({ registry: this.#registry, gate: this.#gate, log, config });
    this.#checker = new Checker({
      gate: this.#gate,
      connector,
      networksOf: (user) => store.user(splitUser(user).user)?.limits.from ?? [],
    });
    this.#streams = new Streams(connector.connect, config, {
      onStart: (stream) => {
        this.#gate.started(stream);
        this.watcher.streamStarted(stream);
        this.events.emit('streamStart', stream);
      },
      onAnswer: (...answer) => this.watcher.streamAnswered(...answer),
      onEnd: (stream) => this.#streamEnd(stream),
    });
    const clients = (): ClientDeviceStatus[] => this.#clients.status();
    this.watcher = createWatcher(state, this.#registry, this.#streams, clients, () => this.#role(), log);
    const [share, descriptors] = [this.#share, this.#descriptors];
    const budget = new WindowBudget(config.windowBudgetBytes);
    this.#entry = new Door({
      share,
      descriptors,
      streams: this.#streams,
      ...entrySettingsOf(config),
      authenticate: new Access(store, this.#penalties).authenticate,
      pacRules: (user) => this.#gate.pacRules(user),
      tls: { acceptor: this.#certificate.tls, pool: budget.pool },
      onTurnedAway: this.#incidents.at('socks'),
    });
    this.#reloading = new Reloading({
      ...state,
      schema: ServerConfig,
      live: LIVE_SETTINGS,
      prepare: (next) => {
        const policy = policyOf(next, store.localNames());
        return () => {
          setLevel(option, log, next.logLevel);
          this.#gate.use(policy);
        };
      },
      log,
    });
    this.#clients = new Clients({ store, streams: this.#streams, log });
    const admission = new Admission({
      joining: new Joining({
        store,
        groups: () => this.#gate.groups,
        log,
        onRenamed: (from, to) =>
          this.#registry.end(from, new DepotError('replaced', `local ${from} is called ${to} now`)),
      }),
      locals: this.#registry,
      clients: this.#clients,
      pool: poolSettingsOf(config, budget),
      tunnelPort: () => this.#ownTunnelPort(),
      pacRules: (user) => this.#gate.pacRules(user),
    });
    this.#door = new LinkDoor({
      share,
      descriptors,
      acceptor: new TlsAcceptor(identity),
      room: config,
      handshakeMs: config.handshakeMs,
      heartbeat: config,
      onHello: (hello, caller, connection) => admission.receive(hello, caller, connection),
      onTurnedAway: this.#incidents.at('control'),
    });
    this.#leaving = new Leaving({
      streams: this.#streams,
      entry: this.#entry,
      admission,
      locals: this.#registry,
      clients: this.#clients,
      log,
      drainMs: () => this.#reloading.config.drainMs,
      closeEntries: () => {
        this.#listeners?.socks.close();
        for (const port of this.#published) port.close();
      },
      closeLinks: () => {
        this.#listeners?.control.close();
        this.#listeners?.tunnel.close();
      },
      silence: () => this.#presence[Symbol.dispose](),
      close: () => this.#close(),
    });
  }

  /** Opens the home, binds every port, and runs. Rejects with a `DepotError` and leaves nothing open. */
  static async start(options: ServerOptions): Promise<DepotServer> {
    const state = await openServerState(options);
    let server: DepotServer | undefined;
    try {
      server = new DepotServer(state, logOf(options.log, state.config.logLevel), options.log);
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
    const isNew = store.isEmpty();
    if (!isNew) requireSomebody(this.#state);
    const listeners = await openPorts(config, {
      onClient: (socket) => this.#incidents.watch(this.#entry.serve(socket)),
      onLink: (socket) => this.#incidents.watch(this.#door.serve(socket)),
    });
    this.#listeners = listeners;
    const { control } = listeners;
    this.#published = await publish(config.publish, {
      streams: this.#streams,
      share: this.#share,
      descriptors: this.#descriptors,
      datagrams: { queueBytes: config.udpQueueBytes, peersMax: config.udpPeersMax },
      defaultHost: config.socksHost ?? config.host,
      onTurnedAway: this.#incidents.at('published'),
      onUnforeseen: this.#incidents.unforeseen,
    });
    this.#administration = administrationOf(this.#state, {
      port: control.address.port,
      registry: this.#registry,
      clients: this.#clients,
      gate: this.#gate,
      watcher: this.watcher,
      invitationMs: () => this.#reloading.config.invitationMs,
      onWebPassword: () => this.#doors.endSessions(),
    });
    const administration = this.#administration;
    await this.#doors.openSocket(home.socketFile, { observable: this, administration, web: administration });
    await startDashboard({
      doors: this.#doors,
      config,
      store,
      observable: this,
      administration,
      certificate: this.#certificate.files,
      penalties: this.#penalties,
      descriptors: this.#descriptors,
      advertised: advertisedHost(config),
      pac: webPac(config, listeners.socks.address.port, () => this.#gate.pacRules(undefined)),
      onTurnedAway: this.#incidents.at('web'),
    });
    store.setLinkTarget({ host: advertisedHost(config), port: control.address.port });
    if (isNew) this.firstStart = await beginAnew(this.#administration);
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

  /** The dashboard, and its password where this start made it; undefined where it is disabled. */
  get web(): Doors['web'] {
    return this.#doors.web;
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
    return {
      ...this.#role(),
      locals: statusOfLocals(this.#state.store, this.#registry, this.#streams),
      clients: this.#clients.status(),
      streams: this.#streams.snapshots(),
    };
  }

  #role(): RoleStatusOf<'server'> {
    return roleOf(this.#state, {
      startedAt: this.#startedAt,
      descriptors: this.#descriptors.status,
      draining: this.#leaving.hasBegun,
      ports: this.address,
      web: this.#doors.webPort,
      published: this.#published.map(({ status }) => status),
    });
  }

  /** What would become of a request, and why: every step up to the first refusal. */
  decide(request: Pick<Request, 'command' | 'destination' | 'user' | 'from'>): Decision {
    return this.#gate.decide(request);
  }

  /** Tries a target the way a stream goes, and says of each step how it went. Rejects with `invalid-argument`. */
  check(question: CheckQuestion): Promise<CheckResult> {
    return this.#checker.check(question);
  }

  /**
   * Reads the configuration again. Streams that the new rules forbid end. Rejects with `invalid-config`, nothing changed then.
   */
  reload(): Promise<Reloaded> {
    return this.#reloading.reload();
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
   * Stops. With `drain` nobody else is let in, locals and clients are told, and running streams may go on for `drainMs`;
   * whatever is left then is aborted. Calling it again without `drain` ends at once.
   */
  stop({ drain: mayEnd = false }: { readonly drain?: boolean } = {}): Promise<void> {
    return this.#leaving.stop(mayEnd);
  }

  #close(): void {
    this.#gate.close();
    this.#door.close();
    this.#doors.close();
    this.watcher[Symbol.dispose]();
    this.#certificate.files?.close();
    this.#incidents[Symbol.dispose]();
    this.#reloading.close();
    this.#state.store[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // Locals.

  #ownTunnelPort(): number | undefined {
    const { controlPort, tunnelPort } = this.address;
    return tunnelPort === controlPort ? undefined : tunnelPort;
  }

  // Streams.

  #streamEnd(stream: StreamEnd): void {
    this.#gate.ended(stream);
    logStreamEnd(this.#log, stream);
    this.watcher.streamEnded(stream);
    this.events.emit('streamEnd', stream);
  }
}
