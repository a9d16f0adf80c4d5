// The laptop side, put together: the way to the server, a loopback port that speaks what the server's entry speaks,
// and how it lets itself be seen. Programs on this machine need no password; the key of this device is what counts.

import { EventEmitter } from 'node:events';
import { hostname } from 'node:os';
import { Home } from '../config/home.ts';
import { type ConfigSources, loadConfig } from '../config/load.ts';
import { type Reloaded, Reloading } from '../config/reloading.ts';
import { ClientConfig } from '../config/schema.ts';
import { windowsOf } from '../config/windows.ts';
import { Door } from '../entry/door.ts';
import type { EntryOptions } from '../entry/options.ts';
import { parsePacHosts } from '../entry/pac-rules.ts';
import { PublishedPorts } from '../entry/published.ts';
import { DepotError } from '../errors.ts';
import { WindowBudget } from '../link/window.ts';
import { type Log, logOf, setLevel } from '../log.ts';
import { Descriptors } from '../net/descriptors.ts';
import { resolveHost } from '../net/dial.ts';
import { FairShare } from '../net/fair-share.ts';
import { Incidents } from '../net/incidents.ts';
import { generatePrivateKey } from '../net/identity.ts';
import { Listener } from '../net/listener.ts';
import { ownCertificate } from '../net/own-certificate.ts';
import { drain, LINGER_MS, within } from '../net/draining.ts';
import { StreamEndLog } from '../net/stream-log.ts';
import { Streams } from '../net/streams.ts';
import { ClientTls } from '../net/tls.ts';
import { type Address, isLoopbackHost } from '../socks/address.ts';
import { Observed } from '../uplink/observed.ts';
import { Uplink } from '../uplink/uplink.ts';
import { VERSION } from '../version.ts';
import type { WebPage } from '../watch/admin-api.ts';
import type { ClientStatus, RoleStatusOf } from '../watch/status.ts';
import { type DialingEvents, type DialingOptions, dialingWatcher, kickStream } from '../uplink/role.ts';
import type { Watcher } from '../watch/watcher.ts';
import { createServerConnector } from './connector.ts';
import { PacRules } from './pac-rules.ts';

/** What a client tells while it runs. */
export type ClientEvents = DialingEvents;

/** Every setting of the configuration, and what a program that embeds a client may want besides. */
export type ClientOptions = Partial<ClientConfig> & DialingOptions;

export class DepotClient implements AsyncDisposable {
  /** `connected`, `disconnected`, `streamStart`, `streamEnd`. */
  readonly events = new EventEmitter<ClientEvents>();
  /** What goes on, and what went on since the start. */
  readonly watcher: Watcher;

  readonly #config: ClientConfig;
  readonly #reloading: Reloading<typeof ClientConfig>;
  readonly #log: Log;
  readonly #descriptors: Descriptors;
  readonly #incidents: Incidents;
  readonly #streamEnds: StreamEndLog;
  readonly #streams: Streams;
  readonly #uplink: Uplink;
  readonly #door: Door;
  readonly #share = new FairShare();
  readonly #pacRules: PacRules;
  readonly #startedAt = Date.now();
  #listener: Listener | undefined;
  #draining = false;
  readonly #published: PublishedPorts;
  #observed: Observed | undefined;

  private constructor(
    home: Home,
    config: ClientConfig,
    sources: ConfigSources,
    { link, log, resolve = resolveHost }: Pick<ClientOptions, 'link' | 'log' | 'resolve'>,
  ) {
    this.#config = config;
    this.#log = logOf(log, config.logLevel);
    this.#pacRules = new PacRules(config.pacHosts, this.#log);
    this.#descriptors = new Descriptors(this.#log);
    const budget = new WindowBudget(config.windowBudgetBytes);
    this.#streamEnds = new StreamEndLog(this.#log);
    this.#incidents = new Incidents(this.#log, (...who) => this.watcher.turnedAway(...who));
    this.#uplink = new Uplink({
      role: 'client',
      introduction: { purpose: 'client', device: config.device ?? hostname() },
      home,
      config,
      link,
      resolve,
      share: this.#share,
      windows: windowsOf(config, budget),
      log: this.#log,
      onConnected: (connected) => {
        this.#pacRules.hear(this.#uplink.link?.welcome.pacRules ?? []);
        this.events.emit('connected', connected);
      },
      onDisconnected: (disconnected) => this.events.emit('disconnected', disconnected),
    });
    const options = { settings: config, descriptors: this.#descriptors };
    this.#streams = new Streams(createServerConnector(this.#uplink, config), options, {
      onStart: (stream) => {
        this.watcher.streamStarted(stream);
        this.events.emit('streamStart', stream);
      },
      onAnswer: (...answer) => this.watcher.streamAnswered(...answer),
      onEnd: (stream) => {
        this.#streamEnds.add(stream);
        this.watcher.streamEnded(stream);
        this.events.emit('streamEnd', stream);
      },
      onUnforeseen: this.#incidents.unforeseen,
    });
    // Before the rest, which nothing would end where this fails.
    const acceptor = ownTls(home);
    this.watcher = dialingWatcher(this.#streams, () => this.#role(), this.#log);
    this.#door = new Door({
      share: this.#share,
      descriptors: this.#descriptors,
      streams: this.#streams,
      ...entrySettingsOf(config),
      authenticate: () => Promise.resolve(true),
      advertised: undefined,
      forThisMachine: true,
      tls: { acceptor, pool: budget.pool },
      pacRules: () => this.#pacRules.all,
      onTurnedAway: this.#incidents.at('client'),
    });
    this.#published = new PublishedPorts({
      streams: this.#streams,
      share: this.#share,
      descriptors: this.#descriptors,
      settings: config,
      defaultHost: config.host,
      onTurnedAway: this.#incidents.at('client'),
      onUnforeseen: this.#incidents.unforeseen,
    });
    // Last, for what fails before would leave it watching.
    this.#reloading = new Reloading({
      schema: ClientConfig,
      sources,
      config,
      prepare: async (next) => {
        const own = parsePacHosts(next.pacHosts);
        const publish = await this.#published.change(next.publish);
        return () => {
          setLevel(log, this.#log, next.logLevel);
          budget.limitBytes = next.windowBudgetBytes;
          this.#pacRules.own = own;
          return publish();
        };
      },
      log: this.#log,
    });
  }

  /**
   * Listens, begins to connect, and resolves: `connected` tells when the link is up, `over` when it will never be.
   * Rejects with a `DepotError` where home, configuration, link or port cannot be used.
   */
  static async start({
    home: directory,
    configFile,
    env = {},
    link,
    log,
    resolve,
    ...flags
  }: ClientOptions): Promise<DepotClient> {
    const home = Home.open(directory);
    home.requireRole('client');
    const sources = { flags, env, ...home.configFiles(configFile) };
    const config = await loadConfig(ClientConfig, sources);
    requireLoopback(config.host);
    const client = new DepotClient(home, config, sources, { link, ...(log && { log }), ...(resolve && { resolve }) });
    try {
      await client.#listen(home);
      client.#uplink.begin();
      return client;
    } catch (error) {
      await client.stop();
      throw error;
    }
  }

  async #listen(home: Home): Promise<void> {
    const { host, port } = this.#config;
    this.#observed = await Observed.start({
      home,
      config: this.#config,
      observable: this,
      incidents: this.#incidents,
      descriptors: this.#descriptors,
      log: this.#log,
    });
    this.#listener = await Listener.listen({ host, port, purpose: 'client', flag: '--port' }, (socket) =>
      this.#incidents.watch(this.#door.serve(socket)),
    );
    await (
      await this.#published.change(this.#config.publish)
    )();
  }

  /** Where programs on this machine find it, with the port that it really has. */
  get address(): Address {
    if (this.#listener === undefined) throw new DepotError('stopped', 'this client does not listen');
    return this.#listener.address;
  }

  /** Resolves with why, once this client gave up for good: it was stopped, or trying again would change nothing. */
  get over(): Promise<DepotError> {
    return this.#uplink.over;
  }

  /** Its web page, and the password of that where this start made it; undefined where there is none. */
  get web(): WebPage | undefined {
    return this.#observed?.web;
  }

  status(): ClientStatus {
    return { ...this.#role(), streams: this.#streams.snapshots() };
  }

  #role(): RoleStatusOf<'client'> {
    return {
      role: 'client',
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt,
      descriptors: this.#descriptors.status,
      draining: this.#draining,
      user: this.#uplink.user,
      ...this.#uplink.status,
      ...this.address,
      published: this.#published.all.map(({ status }) => status),
    };
  }

  /** Reads the configuration again. Rejects with `invalid-config`, nothing changed then. */
  reload(): Promise<Reloaded> {
    return this.#reloading.reload();
  }

  /** Ends a stream by its number. Throws `not-found`. */
  kick(id: string): void {
    kickStream(this.#streams, id);
  }

  /**
   * Stops. With `drain` running streams may go on for `drainMs`; whatever is left then is aborted.
   * Calling it again without `drain` ends at once.
   */
  async stop({ drain: mayEnd = false }: { readonly drain?: boolean } = {}): Promise<void> {
    this.#draining = true;
    this.#listener?.close();
    this.#published.close();
    if (mayEnd) {
      this.#uplink.drain();
      const arriving = within(LINGER_MS, this.#door.drain());
      await drain(this.#streams, this.#config.drainMs, this.#log, arriving);
    }
    this.#door.close();
    const error = new DepotError('stopped', 'this client was stopped');
    this.#streams.endAll(error);
    await this.#streams.idle();
    this.watcher[Symbol.dispose]();
    this.#incidents[Symbol.dispose]();
    this.#streamEnds[Symbol.dispose]();
    this.#reloading.close();
    this.#observed?.close();
    await this.#uplink.stop(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Everybody here is this user, and has one address. */
const entrySettingsOf = (config: ClientConfig): Pick<EntryOptions, 'associate' | 'settings'> => ({
  associate: {
    advertise: undefined,
    ports: undefined,
    get queueBytes() {
      return config.udpQueueBytes;
    },
  },
  settings: {
    allowAnonymous: true,
    get strangersMax() {
      return config.strangersMax;
    },
    get strangersPerAddressMax() {
      return config.strangersMax;
    },
    get handshakeMs() {
      return config.handshakeMs;
    },
    get httpIdleMs() {
      return config.httpIdleMs;
    },
  },
});

/** For programs that speak TLS with a proxy; who trusts the certificate in the home trusts this client alone. */
const ownTls = (home: Home): ClientTls =>
  new ClientTls(
    ownCertificate({ ...home.certificate, privateKey: home.privateKey(generatePrivateKey), host: 'localhost' }),
  );

/** The port asks for no password, so whoever reaches it is the user. */
const requireLoopback = (host: string): void => {
  if (isLoopbackHost(host)) return;
  throw new DepotError(
    'invalid-config',
    `The port of a client has no password, so it may listen on a loopback address only, not on ${host}. Give --host 127.0.0.1, or run \`depot server\` for others.`,
  );
};
