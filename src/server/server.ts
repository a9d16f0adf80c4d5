// The public side, put together: entry, door for locals, registry, router, state and admin socket.

import { EventEmitter } from 'node:events';
import { Door } from '../entry/door.ts';
import { Reloading, type Reloaded } from '../config/reloading.ts';
import { ServerConfig } from '../config/schema.ts';
import { Penalties } from '../credentials/penalties.ts';
import { DepotError } from '../errors.ts';
import { WindowBudget } from '../link/window.ts';
import { type Log, logOf, type LogOption, setLevel } from '../log.ts';
import { Descriptors } from '../net/descriptors.ts';
import { FairShare } from '../net/fair-share.ts';
import { Incidents } from '../net/incidents.ts';
import type { Request } from '../net/connector.ts';
import { StreamEndLog } from '../net/stream-log.ts';
import { type StreamEnd, Streams, type StreamSnapshot } from '../net/streams.ts';
import type { Administration, WebPage } from '../watch/admin-api.ts';
import type { CheckQuestion, CheckResult } from '../watch/check.ts';
import type { Upgraded } from '../watch/answers.ts';
import { Doors } from '../watch/doors.ts';
import { requireNobody } from '../watch/home-in-use.ts';
import type { ClientDeviceStatus, RoleStatusOf, ServerStatus } from '../watch/status.ts';
import type { Watcher } from '../watch/watcher.ts';
import { Access } from './access.ts';
import { beginAnew, type FirstStart } from './administration.ts';
import { administrationOf, applyChange, type Concerned } from './administering.ts';
import { Checker } from './check.ts';
import { ServerConnector } from './connector.ts';
import { certificateOf, type EntryCertificate } from './certificate.ts';
import type { Decision } from './decide.ts';
import { Gate } from './gate.ts';
import { Leaving, type Lineage } from './leaving.ts';
import { createLinks, type Links } from './links.ts';
import { Ports, type ServerAddress } from './ports.ts';
import { createNotices } from './noticing.ts';
import { Presence } from './presence.ts';
import { Registry } from './registry.ts';
import { splitUser } from './router.ts';
import { advertisedHost, openServerState, requireSomebody, type ServerOptions, type ServerState } from './state.ts';
import { policyOf } from './policy.ts';
import { entrySettingsOf } from './settings.ts';
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
  readonly #lineage: Lineage;
  readonly #share = new FairShare();
  readonly #descriptors: Descriptors;
  readonly #incidents: Incidents;
  readonly #streamEnds: StreamEndLog;
  readonly #startedAt = Date.now();
  readonly #registry: Registry;
  readonly #gate: Gate;
  readonly #checker: Checker;
  readonly #presence: Presence;
  readonly #streams: Streams;
  readonly #entry: Door;
  readonly #links: Links;
  readonly #leaving: Leaving;
  readonly #certificate: EntryCertificate;
  readonly #reloading: Reloading<typeof ServerConfig>;
  #ports: Ports | undefined;
  readonly #penalties = new Penalties();
  readonly #doors = new Doors();
  #administration: Administration | undefined;

  private constructor(state: ServerState, log: Log, option: LogOption | undefined, lineage: Lineage) {
    const { config, store } = state;
    this.#state = state;
    this.#lineage = lineage;
    this.#descriptors = new Descriptors(log);
    this.#incidents = new Incidents(log, (...who) => this.watcher.turnedAway(...who));
    this.#streamEnds = new StreamEndLog(log, (user) => splitUser(user).user);
    // First, for they are all that can fail here, and whatever is made before them would have to be ended.
    const notices = createNotices(config, log);
    this.#certificate = certificateOf(state, log);
    this.#presence = new Presence({
      notices,
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
      config,
    });
    const connector = new ServerConnector({ registry: this.#registry, gate: this.#gate, log, config });
    this.#checker = new Checker({
      gate: this.#gate,
      connector,
      networksOf: (user) => store.user(splitUser(user).user)?.limits.from ?? [],
    });
    this.#streams = new Streams(
      connector.connect,
      { settings: config, descriptors: this.#descriptors },
      {
        onStart: (stream) => {
          this.#gate.started(stream);
          this.watcher.streamStarted(stream);
          this.events.emit('streamStart', stream);
        },
        onAnswer: (...answer) => this.watcher.streamAnswered(...answer),
        onEnd: (stream) => this.#streamEnd(stream),
        onUnforeseen: this.#incidents.unforeseen,
      },
    );
    const clients = (): ClientDeviceStatus[] => this.#links.clients.status();
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
      prepare: async (next) => {
        const policy = policyOf(next, store.localNames());
        requireSomebody({ config: next, store });
        const publish = await this.#ports?.publish(next.publish);
        return async () => {
          setLevel(option, log, next.logLevel);
          budget.limitBytes = next.windowBudgetBytes;
          return this.#gate.use(policy) + ((await publish?.()) ?? 0);
        };
      },
      log,
    });
    this.#links = createLinks({
      state,
      registry: this.#registry,
      gate: this.#gate,
      streams: this.#streams,
      budget,
      share,
      descriptors,
      incidents: this.#incidents,
      tunnelPort: () => this.#ports?.ownTunnelPort,
      log,
    });
    this.#leaving = new Leaving({
      streams: this.#streams,
      entry: this.#entry,
      ...this.#links,
      locals: this.#registry,
      log,
      drainMs: () => this.#state.config.drainMs,
      ports: () => this.#ports,
      doors: this.#doors,
      watcher: this.watcher,
      refresh: () => store.refresh(),
      onChange: (change) => {
        store.refresh();
        applyChange(change, this.#concerned);
        this.#lineage.predecessor?.tell(change);
      },
      silence: () => this.#presence[Symbol.dispose](),
      close: () => this.#close(),
    });
  }

  /** Whom it concerns when users, locals or clients are changed. */
  get #concerned(): Concerned {
    const [registry, { clients }, gate] = [this.#registry, this.#links, this.#gate];
    return { registry, clients, gate, watcher: this.watcher };
  }

  /** Opens the home, binds every port, and runs. Rejects with a `DepotError` and leaves nothing open. */
  static async start(options: ServerOptions, lineage: Lineage = {}): Promise<DepotServer> {
    const state = await openServerState(options);
    let server: DepotServer | undefined;
    try {
      server = new DepotServer(state, logOf(options.log, state.config.logLevel), options.log, lineage);
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
    const { predecessor } = this.#lineage;
    const inherit = predecessor?.inherit;
    if (predecessor === undefined) await requireNobody(home.socketFile);
    const isNew = store.isEmpty();
    if (!isNew) requireSomebody(this.#state);
    const ports = await Ports.open(
      config,
      {
        onClient: (socket) => this.#incidents.watch(this.#entry.serve(socket)),
        onLink: (socket) => this.#incidents.watch(this.#links.door.serve(socket)),
        published: {
          streams: this.#streams,
          share: this.#share,
          descriptors: this.#descriptors,
          onTurnedAway: this.#incidents.at('published'),
          onUnforeseen: this.#incidents.unforeseen,
        },
      },
      inherit,
    );
    this.#ports = ports;
    const { control } = ports;
    this.#administration = administrationOf(this.#state, {
      port: control.address.port,
      ...this.#concerned,
      invitationMs: () => this.#state.config.invitationMs,
      onWebPassword: () => this.#doors.endSessions(),
      tell: predecessor && ((change) => predecessor.tell(change)),
    });
    const administration = this.#administration;
    const watched = { observable: this, administration, web: administration };
    if (predecessor === undefined) await this.#doors.openSocket(home.socketFile, watched);
    await startDashboard({
      doors: this.#doors,
      inherit,
      config,
      store,
      observable: this,
      administration,
      certificate: this.#certificate.files,
      penalties: this.#penalties,
      descriptors: this.#descriptors,
      advertised: advertisedHost(config),
      pac: webPac(config, ports.socks.address.port, () => this.#gate.pacRules(undefined)),
      onTurnedAway: this.#incidents.at('web'),
    });
    await predecessor?.takeOver({
      arrived: (locals, clients) => Promise.all([this.#registry.arrived(locals), this.#links.clients.arrived(clients)]),
      refresh: () => store.refresh(),
      begin: async () => {
        await (
          await ports.publish(config.publish)
        )();
        await this.#doors.openSocket(home.socketFile, watched, true);
        await this.#lineage.onTakingOver?.();
      },
    });
    store.setLinkTarget({ host: advertisedHost(config), port: control.address.port });
    if (isNew) this.firstStart = await beginAnew(this.#administration);
  }

  /** Where clients and locals reach this server, with the ports that it really has. */
  get address(): ServerAddress {
    if (this.#ports === undefined) throw new DepotError('stopped', 'this server does not listen');
    return this.#ports.addressOf(this.#state.config);
  }

  /** The dashboard, and its password where this start made it; undefined where it is disabled. */
  get web(): WebPage | undefined {
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
      clients: this.#links.clients.status(),
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
      published: this.#ports?.published.map(({ status }) => status) ?? [],
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
    if (!this.#streams.end(Number(id), error) && !this.#registry.end(id, error) && !this.#links.clients.end(id, error))
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

  /** Resolves when it has stopped, whoever wanted that; rejects where another process was to go on, and did not. */
  get stopped(): Promise<void> {
    return this.#leaving.over;
  }

  /** Has this program, as it is installed now, take our place; nobody is refused. Rejects with `conflict` or `not-found`. */
  upgrade(): Promise<Upgraded> {
    return this.#leaving.handOver(this.#lineage.startSuccessor);
  }

  #close(): void {
    this.#gate.close();
    this.#links.door.close();
    this.#doors.close();
    this.watcher[Symbol.dispose]();
    this.#certificate.files?.close();
    this.#incidents[Symbol.dispose]();
    this.#streamEnds[Symbol.dispose]();
    this.#reloading.close();
    this.#state.store[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // Streams.

  #streamEnd(stream: StreamEnd): void {
    this.#gate.ended(stream);
    this.#streamEnds.add(stream);
    this.watcher.streamEnded(stream);
    this.events.emit('streamEnd', stream);
  }
}
