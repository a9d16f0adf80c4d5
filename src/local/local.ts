// The private side, put together: membership, the link that comes back by itself, rules, dialer and admin socket.

import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Home } from '../config/home.ts';
import { loadConfig } from '../config/load.ts';
import { LocalConfig } from '../config/schema.ts';
import { asDepotError, DepotError, type ErrorCode } from '../errors.ts';
import { type JoinLink, parseJoinLink } from '../link/join-link.ts';
import type { Open } from '../link/messages.ts';
import { WindowBudget, type WindowOptions } from '../link/window.ts';
import { type Log, logOf, type LogOption } from '../log.ts';
import { type Resolve, resolveHost, reverseHost } from '../net/dial.ts';
import { FairShare } from '../net/fair-share.ts';
import { generatePrivateKey, identityOf } from '../net/identity.ts';
import { type StreamEnd, Streams, type StreamSnapshot } from '../net/streams.ts';
import { TlsDialer } from '../net/tls.ts';
import type { IncomingStream } from '../net/tunnel.ts';
import { formatAddress } from '../socks/address.ts';
import { VERSION } from '../version.ts';
import { AdminSocket } from '../watch/admin-api.ts';
import type { LinkStatus } from '../watch/status.ts';
import { pauseMs } from './back-off.ts';
import { createConnector } from './connector.ts';
import { Link } from './link.ts';
import { loadMembership, type Membership, membershipOf, saveMembership, wasJoinedWith } from './membership.ts';
import { Rules } from './rules.ts';

/** What a local tells while it runs. */
export interface LocalEvents {
  /** The link is up. */
  connected: [{ readonly name: string; readonly server: string }];
  /** The link is down, or an attempt failed; `retryInMs` until the next one. */
  disconnected: [{ readonly error: DepotError; readonly retryInMs: number }];
  streamStart: [StreamSnapshot];
  streamEnd: [StreamEnd];
}

/** Every setting of the configuration, and what a program that embeds a local may want besides. */
export interface LocalOptions extends Partial<LocalConfig> {
  /** The local's home directory; made where it is missing. */
  readonly home: string;
  /** A join link; needed once, ignored by a local that joined with it. */
  readonly link?: string | undefined;
  /** The configuration file; default `config.json` in the home, where it is there. */
  readonly configFile?: string | undefined;
  /** Variables that stand for settings; default none. The command line hands in `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Finds the addresses of a name; default the operating system's resolver. */
  readonly resolve?: Resolve;
  /** Default: silence. A function is called once, with the configured level. */
  readonly log?: LogOption;
}

/** Trying again would change nothing. */
const FATAL: ReadonlySet<ErrorCode> = new Set(['identity-mismatch', 'invitation-invalid', 'version-mismatch']);
/** The server answered, and did not want us. */
const TURNED_AWAY: ReadonlySet<ErrorCode> = new Set(['unknown-local', 'revoked', 'replaced', 'protocol-violation']);

export class DepotLocal implements AsyncDisposable {
  /** `connected`, `disconnected`, `streamStart`, `streamEnd`. */
  readonly events = new EventEmitter<LocalEvents>();

  readonly #home: Home;
  readonly #config: LocalConfig;
  readonly #log: Log;
  readonly #resolve: Resolve;
  readonly #dialer: TlsDialer;
  readonly #rules: Rules;
  readonly #streams: Streams;
  readonly #windows: WindowOptions;
  readonly #share = new FairShare();
  readonly #startedAt = Date.now();
  readonly #stop = new AbortController();
  readonly #over: Promise<DepotError>;
  #admin: AdminSocket | undefined;
  /** Where we have joined; undefined before the first welcome. */
  #membership: Membership | undefined;
  /** A link that was not used yet. */
  #invitation: JoinLink | undefined;
  #link: Link | undefined;
  #reconnects = 0;
  #draining = false;
  #lastError: DepotError | undefined;

  private constructor(
    home: Home,
    { link, configFile, env = {}, home: _home, log, resolve = resolveHost, ...flags }: LocalOptions,
  ) {
    const config = loadConfig(LocalConfig, {
      flags,
      env,
      file: configFile ?? home.configFile,
      required: configFile !== undefined,
    });
    this.#home = home;
    this.#config = config;
    this.#log = logOf(log, config.logLevel);
    this.#resolve = resolve;
    this.#rules = new Rules(config.allow);
    this.#membership = loadMembership(home);
    this.#invitation = this.#useful(link);
    this.#dialer = new TlsDialer(identityOf(home.privateKey(generatePrivateKey)));
    this.#windows = { maxBytes: config.windowMaxBytes, budget: new WindowBudget(config.windowBudgetBytes) };
    this.#streams = new Streams(
      createConnector({ rules: this.#rules, resolve, reverse: reverseHost, dialMs: config.dialMs, share: this.#share }),
      {
        onStart: (stream) => this.events.emit('streamStart', stream),
        onEnd: (stream) => this.#streamEnd(stream),
      },
    );
    this.#over = this.#run();
  }

  /**
   * Begins to connect, and resolves at once: `connected` tells when the link is up, `over` when it will never be.
   * Rejects with a `DepotError` where home, configuration or link cannot be used.
   */
  static async start(options: LocalOptions): Promise<DepotLocal> {
    const home = Home.open(options.home);
    if (home.isServer) {
      throw new DepotError(
        'unusable-home',
        `${home.directory} is the home of a server. Choose another one for the local with --home DIR.`,
      );
    }
    const local = new DepotLocal(home, options);
    try {
      local.#admin = await AdminSocket.listen(home.socketFile, local);
      return local;
    } catch (error) {
      await local.stop();
      throw error;
    }
  }

  /** Resolves with why, once this local gave up for good: it was stopped, or trying again would change nothing. */
  get over(): Promise<DepotError> {
    return this.#over;
  }

  status(): LinkStatus {
    const link = this.#link;
    const server = this.#invitation ?? this.#membership;
    return {
      role: 'local',
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt,
      name: server?.name ?? '',
      server: server === undefined ? '' : formatAddress(server),
      connected: link !== undefined,
      since: link?.since ?? null,
      rttMs: link?.rttMs ?? null,
      reconnects: this.#reconnects,
      lastError: this.#lastError?.message ?? null,
      tunnels: link?.tunnels ?? { idle: 0, busy: 0 },
      rules: this.#rules.texts,
      streams: this.#streams.snapshots(),
    };
  }

  /** Ends a stream by its number. Throws `not-found`. */
  kick(id: string): void {
    if (this.#streams.end(Number(id), new DepotError('stopped', 'ended by the operator'))) return;
    throw new DepotError('not-found', `There is no stream ${id}. \`depot status\` shows what there is.`);
  }

  /**
   * Stops. With `drain` running streams may go on for `drainMs`; whatever is left then is aborted.
   * Calling it again without `drain` ends at once.
   */
  async stop({ drain = false }: { readonly drain?: boolean } = {}): Promise<void> {
    this.#draining = true;
    if (drain && this.#streams.size > 0 && !this.#stop.signal.aborted) {
      this.#log.info(
        { event: 'draining', streams: this.#streams.size },
        `draining: ${this.#streams.size} streams may end within ${this.#config.drainMs / 1000} s; a second SIGTERM ends at once`,
      );
      const wait = sleep(this.#config.drainMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      await Promise.race([this.#streams.idle(), wait]);
    }
    const error = new DepotError('stopped', 'this local was stopped');
    this.#stop.abort(error);
    this.#streams.endAll(error);
    await this.#streams.idle();
    this.#link?.close(error);
    this.#admin?.close();
    await this.#over;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** A link that a joined local was given again is of no use, and no harm. */
  #useful(text: string | undefined): JoinLink | undefined {
    if (text === undefined) {
      if (this.#membership !== undefined) return undefined;
      throw new DepotError(
        'invalid-argument',
        "This local has not joined a server yet. Run `depot invite NAME` on the server and give its link: depot local 'depot://…'",
      );
    }
    const link = parseJoinLink(text);
    if (this.#membership === undefined || !wasJoinedWith(this.#membership, link)) return link;
    this.#log.info(
      { event: 'link-ignored' },
      `this local has joined with this link already, as ${this.#membership.name}; the link is ignored`,
    );
    return undefined;
  }

  /** Connects, again and again. Resolves only when that has come to an end. */
  async #run(): Promise<DepotError> {
    const { signal } = this.#stop;
    let failures = 0;
    let told: string | undefined;
    // The constructor returns first, so that nobody misses an event.
    await Promise.resolve();
    for (;;) {
      const startedMs = performance.now();
      const error = await this.#session(signal);
      // A session that lasted was a success; one that ended at once was not, or two holders of one key would fight for ever.
      if (performance.now() - startedMs > this.#config.reconnectMaxMs) {
        failures = 0;
        told = undefined;
      }
      if (signal.aborted) return error;
      if (this.#fallsBack(error)) continue;
      if (FATAL.has(error.code)) return error;
      failures += 1;
      const retryInMs = pauseMs(failures, TURNED_AWAY.has(error.code), this.#config, Math.random());
      // The same failure again and again is news once; a server may be away for weeks.
      const level = error.message === told ? 'debug' : 'warn';
      told = error.message;
      this.#log[level](
        { event: 'disconnected', code: error.code },
        `not connected: ${error.message}; trying again and again`,
      );
      this.events.emit('disconnected', { error, retryInMs });
      await sleep(retryInMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One session, to its end. Resolves with why it ended or never began. */
  async #session(signal: AbortSignal): Promise<DepotError> {
    try {
      const link = await this.#connect(signal);
      const error = await link.closed;
      this.#link = undefined;
      this.#reconnects += 1;
      this.#lastError = error;
      this.#streams.endAll(error);
      return error;
    } catch (thrown) {
      this.#lastError = asDepotError(thrown, 'connection-lost');
      return this.#lastError;
    }
  }

  async #connect(signal: AbortSignal): Promise<Link> {
    const config = this.#config;
    const target = this.#invitation ?? this.#membership;
    if (target === undefined) throw new DepotError('internal', 'a local without a server');
    const link = await Link.connect(
      {
        dialer: this.#dialer,
        host: target.host,
        port: target.port,
        fingerprint: target.fingerprint,
        invitation: this.#invitation?.invitation,
        resolve: this.#resolve,
        connectMs: config.connectMs,
        handshakeMs: config.handshakeMs,
        heartbeat: config,
        share: this.#share,
        windows: this.#windows,
        accept: (open, incoming) => void this.#accept(open, incoming),
        log: this.#log,
      },
      signal,
    );
    this.#link = link;
    const { name } = link.welcome;
    if (this.#invitation !== undefined) {
      this.#membership = { ...membershipOf(this.#invitation), name };
      try {
        saveMembership(this.#home, this.#membership);
      } catch (error) {
        link.close(new DepotError('stopped', 'this local cannot keep what it has joined'));
        throw error;
      }
      this.#invitation = undefined;
    }
    const server = formatAddress(target);
    this.#log.info({ event: 'connected', local: name, server }, `connected to ${server} as ${name}`);
    this.events.emit('connected', { name, server });
    return link;
  }

  /** A link in a unit file may be an old one: a local that has joined goes on without it. */
  #fallsBack(error: DepotError): boolean {
    if (error.code !== 'invitation-invalid' || this.#membership === undefined || this.#invitation === undefined)
      return false;
    this.#log.warn(
      { event: 'link-ignored' },
      `${error.message}; going on as ${this.#membership.name} at ${formatAddress(this.#membership)}`,
    );
    this.#invitation = undefined;
    return true;
  }

  #accept({ command, destination, user, from }: Open, incoming: IncomingStream): Promise<void> {
    if (this.#draining) {
      incoming.answer(new DepotError('stopped', 'this local is about to stop'));
      return Promise.resolve();
    }
    return this.#streams.carry({ command, destination, user, from }, incoming);
  }

  #streamEnd(stream: StreamEnd): void {
    const { id, command, user, from, target, reply, bytesUp, bytesDown, error } = stream;
    const durationMs = Math.round(stream.durationMs);
    const fields = {
      event: 'stream-end',
      id,
      command,
      user,
      from,
      target,
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
}
