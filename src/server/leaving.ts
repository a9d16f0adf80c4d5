// How a server comes to its end: at once, or in peace. Then nobody else is let in, locals and clients of the link are told,
// and what runs may end by itself. Or it gives its place to another process, and everybody goes on there.

import type { ChildProcess } from 'node:child_process';
import type { Door } from '../entry/door.ts';
import { asDepotError, DepotError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { drain, LINGER_MS, within } from '../net/draining.ts';
import type { Streams } from '../net/streams.ts';
import type { Upgraded } from '../watch/answers.ts';
import type { Doors } from '../watch/doors.ts';
import type { Watcher } from '../watch/watcher.ts';
import type { Admission } from './admission.ts';
import type { Clients } from './clients.ts';
import { type Estate, handOver } from './handing-over.ts';
import type { Ports } from './ports.ts';
import type { Predecessor } from './predecessor.ts';
import type { Registry } from './registry.ts';
import type { Change } from './succession.ts';

/** What a server that runs as a program of its own has besides: who was there before, and who comes after. */
export interface Lineage {
  /** Whose place this server takes. */
  readonly predecessor?: Predecessor | undefined;
  /** Called when it does: whoever watches over the process has to know. */
  readonly onTakingOver?: () => Promise<void>;
  /** Starts this program anew, as a child. Throws a `DepotError` where that would be of no use. */
  readonly startSuccessor?: () => ChildProcess;
}

/** What of a server takes part in its end. */
export interface LeavingParts {
  readonly streams: Streams;
  readonly entry: Door;
  readonly admission: Admission;
  readonly locals: Registry;
  readonly clients: Clients;
  readonly log: Log;
  readonly drainMs: () => number;
  /** Undefined where it has not come so far. */
  readonly ports: () => Ports | undefined;
  readonly doors: Doors;
  readonly watcher: Watcher;
  /** Another process may have written to the store. */
  readonly refresh: () => void;
  /** An operator has changed something, in another process. */
  readonly onChange: (change: Change) => void;
  /** What follows is our own end, and no news of any local. */
  readonly silence: () => void;
  /** Closes what is left, when nothing runs. */
  readonly close: () => void;
}

export class Leaving {
  readonly #parts: LeavingParts;
  readonly #over = Promise.withResolvers<void>();
  #stopping: Promise<void> | undefined;
  #isHandingOver = false;
  /** Why nobody is at our doors any more: another process has died, and its place could not be taken back. */
  #failure: unknown;
  /** Another process is at our doors. */
  #isSucceeded = false;

  constructor(parts: LeavingParts) {
    this.#parts = parts;
    this.#over.promise.catch(() => undefined);
  }

  get hasBegun(): boolean {
    return this.#stopping !== undefined;
  }

  /** Resolves when it has stopped, whoever wanted that; rejects where another process was to go on, and did not. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Called again without `mayDrain` it ends at once. */
  stop(mayDrain: boolean): Promise<void> {
    if (!mayDrain) void this.#endAll();
    this.#stopping ??= this.#stop(mayDrain);
    return this.#stopping;
  }

  /** Gives our place to another process, and stops when what runs here has ended. Rejects with `conflict` or `not-found`. */
  async handOver(start: (() => ChildProcess) | undefined): Promise<Upgraded> {
    const { streams, watcher, log, silence } = this.#parts;
    if (start === undefined)
      throw new DepotError('not-found', 'This server is part of another program; only that can replace it.');
    if (this.hasBegun || this.#isHandingOver)
      throw new DepotError('conflict', 'This server is about to stop, or being replaced already.');
    this.#isHandingOver = true;
    watcher.leaveHistory(true);
    try {
      const { pid, version } = await handOver(start, this.#estate());
      this.#isSucceeded = true;
      silence();
      log.info({ event: 'handed-over', pid, version }, `process ${pid} (depot ${version}) has taken over`);
      return { pid, version, streams: streams.size };
    } catch (error) {
      const { code, message } = asDepotError(error, 'internal');
      const andNow =
        this.#failure === undefined ? 'The old one goes on.' : `The old one ends: ${messageOf(this.#failure)}`;
      const told = new DepotError(code, `${message} ${andNow}`, { cause: error });
      log.error({ event: 'hand-over-failed' }, told.message);
      throw told;
    } finally {
      if (this.#isSucceeded || this.#failure !== undefined) setImmediate(() => void this.stop(true));
      else {
        this.#isHandingOver = false;
        watcher.leaveHistory(false);
      }
    }
  }

  #estate(): Estate {
    const { ports, doors, onChange } = this.#parts;
    return {
      links: () => ports()?.links ?? [],
      entries: () => [...(ports()?.entries ?? []), ...doors.legacies],
      settle: () => this.#settle(),
      leave: () => this.#leave(),
      yieldPorts: () => ports()?.yieldDatagrams(),
      takeBack: () => this.#takeBack(),
      onChange,
    };
  }

  async #stop(mayDrain: boolean): Promise<void> {
    const { streams, entry, clients, log, drainMs, ports, doors, silence, close } = this.#parts;
    ports()?.closeEntries();
    // Clients that go over to another process may have sent a request before.
    if (this.#isSucceeded) doors.closeWeb();
    else clients.refuse();
    if (mayDrain) {
      if (!this.#isSucceeded) void this.#settle().then(() => this.#leave());
      await drain(streams, drainMs(), log, within(LINGER_MS, entry.drain()));
    }
    silence();
    await this.#endAll();
    ports()?.closeLinks();
    close();
    if (this.#failure === undefined) this.#over.resolve();
    else this.#over.reject(this.#failure);
  }

  /** Resolves when no tunnel is on its way to us, or that has taken too long. */
  #settle(): Promise<void> {
    const { locals, clients } = this.#parts;
    return within(LINGER_MS, Promise.all([locals.settle(), clients.settle()]));
  }

  /** Lets locals and clients look for another server at our address, while their streams go on here. Returns who will. */
  #leave(): ReturnType<Estate['leave']> {
    const { admission, locals, clients, ports } = this.#parts;
    admission.drain();
    ports()?.closeLinks();
    return { locals: locals.drain(), clients: clients.drain() };
  }

  /**
   * Nobody has taken our place after all: listens again, and takes locals and clients in. Those that were told to look for
   * another server come back as a new session, beside the old one with its streams. The sockets themselves cannot be kept
   * meanwhile, for whoever has one that listens is given connections, and those of tunnels have to come to one process.
   */
  async #takeBack(): Promise<void> {
    const { admission, locals, clients, ports, doors, refresh } = this.#parts;
    if (this.hasBegun) return;
    refresh();
    try {
      await ports()?.takeBack();
      await doors.takeSocketBack();
      admission.resume();
      locals.resume();
      clients.resume();
    } catch (error) {
      this.#failure = error;
    }
  }

  async #endAll(): Promise<void> {
    const { streams, entry, locals, clients } = this.#parts;
    entry.close();
    const error = new DepotError('stopped', 'the server was stopped');
    streams.endAll(error);
    await streams.idle();
    await Promise.all([locals.endAll(error), clients.endAll(error)]);
  }
}
