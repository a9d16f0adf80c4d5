// How many files this process may open, and which of them strangers and streams may have. The system always gives out the
// lowest number that is free: whoever lets go of what got a number above a line leaves all numbers above it to others.
// So nothing has to be counted, and control connections, the dashboard and the admin socket live on when the rest is taken.

import { closeSync, openSync } from 'node:fs';
import type net from 'node:net';
import { devNull } from 'node:os';
import { DepotError } from '../errors.ts';
import type { Log } from '../log.ts';

/** This part of the limit is reserved, and no more than so many. */
const RESERVED_PART = 1 / 4;
const RESERVED_MOST = 1024;
/** Below this, a warning says what to raise. */
const FEW = 4096;
/** How often the log is told that they are short. */
const TOLD_EVERY_MS = 10_000;

/** Streams leave all that is reserved alone; who knocks at the control port may take half of it. */
const SHARE = { stream: 1, knock: 1 / 2 } as const;
export type DescriptorUse = keyof typeof SHARE;

const RAISE = 'raise it with LimitNOFILE= in the unit, or with `ulimit -n` where depot is started';

/** How descriptors stand, for status. */
export interface DescriptorStatus {
  readonly limit: number | null;
  readonly reserved: number;
  readonly refused: number;
}

/** How many files this process may open; undefined where there is no such limit, or nobody can tell. */
export const descriptorLimit = (): number | undefined => {
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  const before = report.excludeNetwork ?? false;
  // Otherwise a report looks up the names of all peers.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  report.excludeNetwork = before;
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : undefined;
};

export class Descriptors {
  readonly #limit: number;
  readonly #reserved: number;
  readonly #log: Log;
  #refused = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #refusedWhenTold = 0;

  /** `limit` is that of the process, unless a test says another one. */
  constructor(log: Log, limit: number | undefined = descriptorLimit()) {
    this.#log = log;
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
    this.#reserved = limit === undefined ? 0 : Math.min(RESERVED_MOST, Math.ceil(limit * RESERVED_PART));
    if (this.#limit < FEW)
      log.warn(
        { event: 'descriptors-few', limit: this.#limit },
        `this process may open only ${this.#limit} files, of which ${this.#reserved} are reserved, and each stream takes one; ${RAISE}`,
      );
  }

  get status(): DescriptorStatus {
    return {
      limit: Number.isFinite(this.#limit) ? this.#limit : null,
      reserved: this.#reserved,
      refused: this.#refused,
    };
  }

  /** `wanted`, or less where so many would take more than `part` of what is not reserved. */
  atMost(wanted: number, part: number): number {
    return Math.max(1, Math.min(wanted, Math.floor((this.#limit - this.#reserved) * part)));
  }

  /** `wanted`, or less where so many would take more than a quarter of the reserve. */
  ofReserve(wanted: number): number {
    return Number.isFinite(this.#limit) ? Math.max(1, Math.min(wanted, Math.floor(this.#reserved / 4))) : wanted;
  }

  /** Why this socket may not stay, where it took a descriptor that its kind may not have; its owner ends it then. */
  refusal(socket: net.Socket, use: DescriptorUse): DepotError | undefined {
    const { fd = -1 } = (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle ?? {};
    return fd < this.#line(use) ? undefined : this.#refuse();
  }

  /** Ends a socket that begins to connect, in the turn in which it turns out to have taken one that streams may not have. */
  endReserved(socket: net.Socket): void {
    if (!Number.isFinite(this.#limit)) return;
    // Node makes the system's socket in the tick that was asked for before this one.
    process.nextTick(() => {
      const error = this.refusal(socket, 'stream');
      if (error !== undefined) socket.destroy(error);
    });
  }

  /** Why there is no room for another stream, or visitor, that was looked for elsewhere. */
  full(): DepotError {
    return this.#refuse();
  }

  /** The same for whatever shows no number: why nothing more may be opened, where the next number is reserved. */
  shortage(): DepotError | undefined {
    if (!Number.isFinite(this.#limit)) return undefined;
    try {
      const next = openSync(devNull, 'r');
      closeSync(next);
      return next < this.#line('stream') ? undefined : this.#refuse();
    } catch {
      // There was not one left: that is the answer.
      return this.#refuse();
    }
  }

  #line(use: DescriptorUse): number {
    return this.#limit - this.#reserved * SHARE[use];
  }

  #refuse(): DepotError {
    this.#refused += 1;
    const nowMs = performance.now();
    if (nowMs - this.#toldAtMs > TOLD_EVERY_MS) {
      const refused = this.#refused - this.#refusedWhenTold;
      this.#toldAtMs = nowMs;
      this.#refusedWhenTold = this.#refused;
      this.#log.warn(
        { event: 'descriptors-short', limit: this.#limit, reserved: this.#reserved, refused },
        `there is no room for another stream: ${this.#limit} files may be open, and ${this.#reserved} of them are reserved; ${RAISE}`,
      );
    }
    return new DepotError('limit-reached', 'this process has no room for another stream');
  }
}
