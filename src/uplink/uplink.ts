// The way to the server: joins once, connects, and connects again for as long as that can help.
// Knows nothing of what runs over a link; whoever uses it is told when there is one and when it is gone.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../config/home.ts';
import type { UplinkConfig } from '../config/schema.ts';
import { asDepotError, DepotError, type ErrorCode } from '../errors.ts';
import { type JoiningRole, type JoinLink, parseJoinLink, requireRole } from '../link/join-link.ts';
import type { Failure } from '../link/messages.ts';
import type { WindowOptions } from '../link/window.ts';
import type { Log } from '../log.ts';
import type { Resolve } from '../net/dial.ts';
import type { FairShare } from '../net/fair-share.ts';
import { generatePrivateKey, identityOf } from '../net/identity.ts';
import { LineLimit, LINES_MS } from '../net/line-limit.ts';
import { TlsDialer } from '../net/tls.ts';
import type { AcceptStream } from '../net/tunnel.ts';
import { formatAddress } from '../socks/address.ts';
import type { UplinkStatus } from '../watch/status.ts';
import { pauseMs } from './back-off.ts';
import { type Introduction, Link } from './link.ts';
import { Outages } from './outages.ts';
import { loadMembership, type Membership, membershipOf, saveMembership, wasJoinedWith } from './membership.ts';

export interface UplinkOptions {
  readonly role: JoiningRole;
  readonly introduction: Introduction;
  readonly home: Home;
  readonly config: UplinkConfig;
  /** The join link as it was given, if it was. */
  readonly link: string | undefined;
  readonly resolve: Resolve;
  readonly share: FairShare;
  readonly windows: WindowOptions;
  /** What to do with streams that the server opens; where it is not given, opening one is a violation. */
  readonly accept?: AcceptStream;
  readonly log: Log;
  readonly onConnected: (connected: { readonly name: string; readonly server: string }) => void;
  /** There is no link; the next attempt is made in `retryInMs`. */
  readonly onDisconnected: (disconnected: { readonly error: DepotError; readonly retryInMs: number }) => void;
}

/** Trying again would change nothing. */
const FATAL: ReadonlySet<ErrorCode> = new Set(['identity-mismatch', 'invitation-invalid', 'version-mismatch']);
/** The server answered, and did not want us. */
const TURNED_AWAY: ReadonlySet<ErrorCode> = new Set([
  'unknown-local',
  'unknown-client',
  'revoked',
  'replaced',
  'protocol-violation',
]);

/** So many tunnels that could not be brought are in the log within a minute, of each code: a server may ask for as many as it likes. */
const TUNNEL_LINES = 30;

/** More servers than this, one after the other, do not stop within the time that streams have to end. */
const MOST_LEAVING = 8;

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #linkFile: string;
  readonly #dialer: TlsDialer;
  readonly #stop = new AbortController();
  readonly #begun = Promise.withResolvers<void>();
  readonly #over: Promise<DepotError>;
  /** Where we have joined; undefined before the first welcome. */
  #membership: Membership | undefined;
  /** A link that was not used yet. */
  #invitation: JoinLink | undefined;
  #link: Link | undefined;
  /** Links to servers that are about to stop, oldest first: what runs there goes on until they do. */
  readonly #leaving = new Set<Link>();
  #draining = false;
  #reconnects = 0;
  readonly #outages = new Outages();
  readonly #tunnelFailures: LineLimit;
  #lastError: DepotError | undefined;

  /** Connects once it is told to `begin`. Throws `invalid-argument` or `unusable-home` where there is nowhere to connect to. */
  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#linkFile = options.home.linkFile(options.role);
    this.#membership = loadMembership(this.#linkFile);
    this.#invitation = this.#useful(options.link);
    this.#dialer = new TlsDialer(identityOf(options.home.privateKey(generatePrivateKey)));
    this.#tunnelFailures = new LineLimit({
      lines: TUNNEL_LINES,
      linesPerSource: TUNNEL_LINES,
      onMore: (code, count) => {
        options.log.warn(
          { event: 'tunnel-failed-more', code, count },
          `could not bring ${count} more tunnels within ${LINES_MS / 1000} s (${code})`,
        );
      },
    });
    this.#over = this.#run();
  }

  /** Connects from now on. Whoever wants to hear of it listens by then. */
  begin(): void {
    this.#begun.resolve();
  }

  /** Resolves with why, once this has come to an end for good: it was stopped, or trying again would change nothing. */
  get over(): Promise<DepotError> {
    return this.#over;
  }

  /** The link, while there is one: that to a server which is about to stop where there is no better one. */
  get link(): Link | undefined {
    return this.#link ?? [...this.#leaving].at(-1);
  }

  /** Whose client this is: known once it has joined, and from its invitation before. */
  get user(): string {
    return this.#invitation?.name ?? this.#membership?.user ?? '';
  }

  get status(): UplinkStatus {
    const { link } = this;
    const server = this.#invitation ?? this.#membership;
    return {
      name: this.#name,
      server: server === undefined ? '' : formatAddress(server),
      connected: link !== undefined,
      since: link?.since ?? null,
      rttMs: link?.rttMs ?? null,
      clockAheadMs: link?.clockAheadMs ?? null,
      reconnects: this.#reconnects,
      outages: this.#outages.list,
      lastError: this.#lastError?.message ?? null,
      tunnels: link?.tunnels ?? { idle: 0, busy: 0 },
    };
  }

  /** A local has its name before it has joined, a client only then. */
  get #name(): string {
    if (this.#invitation?.role === 'local') return this.#invitation.name;
    return this.#membership?.name ?? '';
  }

  /** Tells the server that we are about to stop. Streams go on. */
  drain(): void {
    this.#draining = true;
    for (const link of this.#links()) link.drain();
  }

  *#links(): Iterable<Link> {
    if (this.#link !== undefined) yield this.#link;
    yield* this.#leaving;
  }

  /** Ends the link and every attempt. Resolves when nothing of it is left. */
  async stop(error: DepotError): Promise<void> {
    this.#stop.abort(error);
    this.#begun.resolve();
    for (const link of this.#links()) link.close(error);
    await this.#over;
    this.#tunnelFailures[Symbol.dispose]();
  }

  readonly #tunnelFailed = ({ code, message }: Failure): void => {
    if (this.#tunnelFailures.mayWrite(code, ''))
      this.#options.log.warn({ event: 'tunnel-failed', code }, `could not bring a tunnel: ${message}`);
  };

  /** A link that was used before and is given again is of no use, and no harm. */
  #useful(text: string | undefined): JoinLink | undefined {
    if (text === undefined) {
      if (this.#membership !== undefined) return undefined;
      throw new DepotError(
        'invalid-argument',
        `This ${this.#options.role} has not joined a server yet. Run \`depot invite ${this.#options.role === 'local' ? 'NAME' : '--user USER'}\` on the server and give its link: depot ${this.#options.role} 'depot://…' (or depot ${this.#options.role} -, which asks for it)`,
      );
    }
    const link = parseJoinLink(text);
    requireRole(link, this.#options.role);
    if (this.#membership === undefined || !wasJoinedWith(this.#membership, link)) return link;
    this.#options.log.info(
      { event: 'link-ignored' },
      `this ${this.#options.role} has joined with this link already, as ${this.#membership.name}; the link is ignored`,
    );
    return undefined;
  }

  /** Connects, again and again. Resolves only when that has come to an end. */
  async #run(): Promise<DepotError> {
    const { config, log, onDisconnected } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    let told: string | undefined;
    await this.#begun.promise;
    for (;;) {
      const startedMs = performance.now();
      const error = await this.#session(signal);
      // A session that lasted was a success; one that ended at once was not, or two holders of one key would fight for ever.
      if (performance.now() - startedMs > config.reconnectMaxMs) {
        failures = 0;
        told = undefined;
      }
      if (signal.aborted) return error;
      if (this.#fallsBack(error)) continue;
      if (FATAL.has(error.code)) return error;
      failures += 1;
      const retryInMs = pauseMs(failures, TURNED_AWAY.has(error.code), config, Math.random());
      // The same failure again and again is news once; a server may be away for weeks.
      const level = error.message === told ? 'debug' : 'warn';
      told = error.message;
      log[level](
        { event: 'disconnected', code: error.code },
        `not connected: ${error.message}; trying again and again`,
      );
      onDisconnected({ error, retryInMs });
      await sleep(retryInMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One session, to its end. Resolves with why it ended or never began. */
  async #session(signal: AbortSignal): Promise<DepotError> {
    try {
      const link = await this.#connect(signal);
      const error = await Promise.race([link.closed, link.leaving.then(() => this.#leave(link))]);
      this.#link = undefined;
      this.#reconnects += 1;
      this.#lastError = error;
      this.#outages.lost(Date.now(), error);
      return error;
    } catch (thrown) {
      this.#lastError = asDepotError(thrown, 'connection-lost');
      this.#outages.failed(Date.now(), this.#lastError);
      return this.#lastError;
    }
  }

  /** The server is about to stop; another one may be at its address already, or soon. */
  #leave(link: Link): DepotError {
    this.#leaving.add(link);
    void link.closed.then(() => this.#leaving.delete(link));
    const [oldest] = this.#leaving;
    const error = new DepotError('stopped', 'the server is about to stop');
    if (this.#leaving.size > MOST_LEAVING) oldest?.close(error);
    return error;
  }

  async #connect(signal: AbortSignal): Promise<Link> {
    const { role, introduction, config, resolve, share, windows, accept, log, onConnected } = this.#options;
    const target = this.#invitation ?? this.#membership;
    if (target === undefined) throw new DepotError('internal', 'there is no server to connect to');
    const link = await Link.connect(
      {
        introduction,
        dialer: this.#dialer,
        host: target.host,
        port: target.port,
        fingerprint: target.fingerprint,
        invitation: this.#invitation?.invitation,
        resolve,
        settings: config,
        share,
        windows,
        accept,
        onTunnelFailed: this.#tunnelFailed,
      },
      signal,
    );
    if (this.#invitation !== undefined) this.#joined(this.#invitation, link);
    this.#link = link;
    this.#outages.over(Date.now());
    const { name } = link.welcome;
    const server = formatAddress(target);
    log.info({ event: 'connected', [role]: name, server }, `connected to ${server} as ${name}`);
    if (this.#draining) link.drain();
    onConnected({ name, server });
    return link;
  }

  /** The first welcome: from here on our key counts, and the invitation is used up. */
  #joined(invitation: JoinLink, link: Link): void {
    this.#membership = membershipOf(invitation, link.welcome);
    try {
      saveMembership(this.#options.home, this.#linkFile, this.#membership);
    } catch (error) {
      link.close(new DepotError('stopped', 'what was joined cannot be kept'));
      throw error;
    }
    this.#invitation = undefined;
  }

  /** A link in a unit file may be an old one: whoever has joined goes on without it. */
  #fallsBack(error: DepotError): boolean {
    if (error.code !== 'invitation-invalid' || this.#membership === undefined || this.#invitation === undefined)
      return false;
    this.#options.log.warn(
      { event: 'link-ignored' },
      `${error.message}; going on as ${this.#membership.name} at ${formatAddress(this.#membership)}`,
    );
    this.#invitation = undefined;
    return true;
  }
}
