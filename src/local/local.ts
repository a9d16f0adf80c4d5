// The private side, put together: the way to the server, rules, dialer, and how it lets itself be seen.

import { EventEmitter } from 'node:events';
import { Home } from '../config/home.ts';
import { type ConfigSources, loadConfig } from '../config/load.ts';
import { type Reloaded, Reloading } from '../config/reloading.ts';
import { LocalConfig } from '../config/schema.ts';
import { windowsOf } from '../config/windows.ts';
import { DepotError } from '../errors.ts';
import type { WebPage } from '../watch/admin-api.ts';
import type { Open } from '../link/messages.ts';
import { WindowBudget } from '../link/window.ts';
import { type Log, logOf, setLevel } from '../log.ts';
import { Descriptors } from '../net/descriptors.ts';
import { resolveHost, reverseHost } from '../net/dial.ts';
import { FairShare } from '../net/fair-share.ts';
import { drain } from '../net/draining.ts';
import { Incidents } from '../net/incidents.ts';
import { StreamEndLog } from '../net/stream-log.ts';
import { type StreamEnd, Streams } from '../net/streams.ts';
import type { IncomingStream } from '../net/tunnel.ts';
import { Observed } from '../uplink/observed.ts';
import { Uplink } from '../uplink/uplink.ts';
import { VERSION } from '../version.ts';
import type { LinkStatus, RoleStatusOf } from '../watch/status.ts';
import { type DialingEvents, type DialingOptions, dialingWatcher, kickStream } from '../uplink/role.ts';
import type { Watcher } from '../watch/watcher.ts';
import { mayStayBound } from './bind.ts';
import { createConnector } from './connector.ts';
import type { ConnectApp } from './own-apps.ts';
import { RefusedDatagrams } from './refused-datagrams.ts';
import { Rules } from './rules.ts';

/** What a local tells while it runs. */
export type LocalEvents = DialingEvents;

/** Every setting of the configuration, and what a program that embeds a local may want besides. */
export interface LocalOptions extends Partial<LocalConfig>, DialingOptions {
  /** Apps inside this program: asked for each CONNECT, before rules and dialing. Default: none. */
  readonly connectApp?: ConnectApp;
}

export class DepotLocal implements AsyncDisposable {
  /** `connected`, `disconnected`, `streamStart`, `streamEnd`. */
  readonly events = new EventEmitter<LocalEvents>();
  /** What goes on, and what went on since the start. */
  readonly watcher: Watcher;

  readonly #config: LocalConfig;
  readonly #reloading: Reloading<typeof LocalConfig>;
  readonly #log: Log;
  readonly #descriptors: Descriptors;
  readonly #incidents: Incidents;
  readonly #streamEnds: StreamEndLog;
  readonly #refusedDatagrams: RefusedDatagrams;
  readonly #rules: Rules;
  readonly #streams: Streams;
  readonly #uplink: Uplink;
  readonly #startedAt = Date.now();
  #observed: Observed | undefined;
  #draining = false;

  private constructor(
    home: Home,
    config: LocalConfig,
    sources: ConfigSources,
    { link, log, resolve = resolveHost, connectApp }: Pick<LocalOptions, 'link' | 'log' | 'resolve' | 'connectApp'>,
  ) {
    const share = new FairShare();
    const budget = new WindowBudget(config.windowBudgetBytes);
    this.#config = config;
    this.#log = logOf(log, config.logLevel);
    this.#descriptors = new Descriptors(this.#log);
    this.#streamEnds = new StreamEndLog(this.#log);
    this.#refusedDatagrams = new RefusedDatagrams(this.#log);
    this.#incidents = new Incidents(this.#log, (...who) => this.watcher.turnedAway(...who));
    this.#rules = new Rules(config.allow);
    this.#streams = new Streams(
      createConnector({
        rules: this.#rules,
        resolve,
        reverse: reverseHost,
        connectApp,
        share,
        descriptors: this.#descriptors,
        settings: config,
        onRefused: this.#refusedDatagrams.add,
      }),
      { settings: config, descriptors: this.#descriptors },
      {
        onStart: (stream) => {
          this.watcher.streamStarted(stream);
          this.events.emit('streamStart', stream);
        },
        onAnswer: (...answer) => this.watcher.streamAnswered(...answer),
        onEnd: (stream) => this.#streamEnd(stream),
        onUnforeseen: this.#incidents.unforeseen,
      },
    );
    this.#uplink = new Uplink({
      role: 'local',
      introduction: { purpose: 'control' },
      home,
      config,
      link,
      resolve,
      share,
      windows: windowsOf(config, budget),
      accept: (open, incoming) => void this.#accept(open, incoming),
      log: this.#log,
      onConnected: (connected) => this.events.emit('connected', connected),
      onDisconnected: (disconnected) => this.events.emit('disconnected', disconnected),
    });
    // These last, for they watch from now on, and whatever is wrong with a link has been said by then.
    this.watcher = dialingWatcher(this.#streams, () => this.#role(), this.#log);
    this.#reloading = new Reloading({
      schema: LocalConfig,
      sources,
      config,
      prepare: (next) => {
        const rules = new Rules(next.allow);
        return () => {
          setLevel(log, this.#log, next.logLevel);
          budget.limitBytes = next.windowBudgetBytes;
          return this.#use(rules);
        };
      },
      log: this.#log,
    });
  }

  /**
   * Begins to connect, and resolves at once: `connected` tells when the link is up, `over` when it will never be.
   * Rejects with a `DepotError` where home, configuration or link cannot be used.
   */
  static async start({
    home: directory,
    configFile,
    env = {},
    link,
    log,
    resolve,
    connectApp,
    ...flags
  }: LocalOptions): Promise<DepotLocal> {
    const home = Home.open(directory);
    home.requireRole('local');
    const sources = { flags, env, ...home.configFiles(configFile) };
    const config = await loadConfig(LocalConfig, sources);
    const local = new DepotLocal(home, config, sources, {
      link,
      ...(log && { log }),
      ...(resolve && { resolve }),
      ...(connectApp && { connectApp }),
    });
    try {
      local.#observed = await Observed.start({
        home,
        config,
        observable: local,
        incidents: local.#incidents,
        descriptors: local.#descriptors,
        log: local.#log,
      });
      local.#uplink.begin();
      return local;
    } catch (error) {
      await local.stop();
      throw error;
    }
  }

  /** Resolves with why, once this local gave up for good: it was stopped, or trying again would change nothing. */
  get over(): Promise<DepotError> {
    return this.#uplink.over;
  }

  /** Its web page, and the password of that where this start made it; undefined where there is none. */
  get web(): WebPage | undefined {
    return this.#observed?.web;
  }

  status(): LinkStatus {
    return { ...this.#role(), streams: this.#streams.snapshots() };
  }

  #role(): RoleStatusOf<'local'> {
    return {
      role: 'local',
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt,
      descriptors: this.#descriptors.status,
      draining: this.#draining,
      ...this.#uplink.status,
      rules: this.#rules.texts,
    };
  }

  /**
   * Reads the configuration again. Streams that the new rules forbid end. Rejects with `invalid-config`, nothing changed then.
   */
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
    if (mayEnd) {
      this.#uplink.drain();
      await drain(this.#streams, this.#config.drainMs, this.#log);
    }
    const error = new DepotError('stopped', 'this local was stopped');
    this.#streams.endAll(error);
    await this.#streams.idle();
    this.watcher[Symbol.dispose]();
    this.#incidents[Symbol.dispose]();
    this.#refusedDatagrams[Symbol.dispose]();
    this.#streamEnds[Symbol.dispose]();
    this.#reloading.close();
    this.#observed?.close();
    await this.#uplink.stop(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Returns how many streams these forbid, and so end. */
  #use(rules: Rules): number {
    let ended = 0;
    this.#rules.replaceBy(rules);
    for (const { id, command, target, app } of this.#streams.snapshots()) {
      if (app === undefined) continue;
      const { allowed, reason } =
        command === 'bind' ? mayStayBound(rules, target.host, app.host) : rules.check(target.host, app.host, app.port);
      if (!allowed && this.#streams.end(id, new DepotError('not-allowed', reason))) ended += 1;
    }
    return ended;
  }

  #accept({ command, destination, user, from, addressRules }: Open, incoming: IncomingStream): Promise<void> {
    if (this.#draining) {
      incoming.answer(new DepotError('local-away', 'this local is about to stop'));
      return Promise.resolve();
    }
    return this.#streams.carry({ command, destination, user, from, addressRules }, incoming);
  }

  #streamEnd(stream: StreamEnd): void {
    this.#streamEnds.add(stream);
    this.watcher.streamEnded(stream);
    this.events.emit('streamEnd', stream);
  }
}
