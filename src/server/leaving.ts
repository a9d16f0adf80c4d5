// How a server comes to its end: at once, or in peace. Then nobody else is let in, locals and clients of the link are told,
// and what runs may end by itself.

import type { Door } from '../entry/door.ts';
import { DepotError } from '../errors.ts';
import type { Log } from '../log.ts';
import { drain, within } from '../net/draining.ts';
import type { Streams } from '../net/streams.ts';
import type { Admission } from './admission.ts';
import type { Clients } from './clients.ts';
import type { Registry } from './registry.ts';

/** How long those may take who are in the middle of a handshake. */
const LINGER_MS = 2000;

/** What of a server takes part in its end. */
export interface LeavingParts {
  readonly streams: Streams;
  readonly entry: Door;
  readonly admission: Admission;
  readonly locals: Registry;
  readonly clients: Clients;
  readonly log: Log;
  readonly drainMs: () => number;
  /** Lets no client in any more, nor anybody at a published port. */
  readonly closeEntries: () => void;
  /** Lets no local in any more. */
  readonly closeLinks: () => void;
  /** What follows is our own end, and no news of any local. */
  readonly silence: () => void;
  /** Closes what is left, when nothing runs. */
  readonly close: () => void;
}

export class Leaving {
  readonly #parts: LeavingParts;
  #stopping: Promise<void> | undefined;

  constructor(parts: LeavingParts) {
    this.#parts = parts;
  }

  get hasBegun(): boolean {
    return this.#stopping !== undefined;
  }

  /** Called again without `mayDrain` it ends at once. */
  stop(mayDrain: boolean): Promise<void> {
    if (!mayDrain) void this.#endAll();
    this.#stopping ??= this.#stop(mayDrain);
    return this.#stopping;
  }

  async #stop(mayDrain: boolean): Promise<void> {
    const { streams, entry, clients, log, drainMs, closeEntries, closeLinks, silence, close } = this.#parts;
    closeEntries();
    clients.refuse();
    if (mayDrain) {
      void this.#leaveLinks();
      await drain(streams, drainMs(), log, within(LINGER_MS, entry.drain()));
    }
    silence();
    await this.#endAll();
    closeLinks();
    close();
  }

  /** Lets locals and clients look for another server at our address, while their streams go on here. */
  async #leaveLinks(): Promise<void> {
    const { admission, locals, clients, closeLinks } = this.#parts;
    await within(LINGER_MS, Promise.all([locals.settle(), clients.settle()]));
    admission.drain();
    closeLinks();
    locals.drain();
    clients.drain();
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
