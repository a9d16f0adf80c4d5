// Standard error as the place of the log: writes at once, and never waits for whoever reads it. While the reader stands
// still (a paused terminal, a stuck journal, a full disk) a bounded part is kept, and what is beyond that is counted.

import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { errnoOf } from '../errors.ts';

/** What may wait for the reader. */
const WAITING_BYTES = 1024 * 1024;
const RETRY_MS = 100;
const RETRY_FAILED_MS = 1000;
/** How long the end of the process waits for the reader, in all. */
const LAST_MS = 500;
const LAST_RETRY_MS = 10;

export interface LogSinkOptions {
  /** A file descriptor that does not block. */
  readonly descriptor: number;
  /** Called when there is room again, with how many lines were lost meanwhile. */
  readonly onLost: (lines: number) => void;
}

export class LogSink {
  readonly #descriptor: number;
  readonly #onLost: LogSinkOptions['onLost'];
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ descriptor, onLost }: LogSinkOptions) {
    this.#descriptor = descriptor;
    this.#onLost = onLost;
  }

  /** Takes one line, its end included. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > WAITING_BYTES) this.#lost += 1;
    else {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      if (this.#timer === undefined) this.#flush();
    }
  }

  /** Writes what waits before the process ends; what nobody takes within half a second is lost. */
  end(): void {
    const clock = new Int32Array(new SharedArrayBuffer(4));
    for (let leftMs = LAST_MS; this.#flush() === 'later' && leftMs > 0; leftMs -= LAST_RETRY_MS)
      Atomics.wait(clock, 0, 0, LAST_RETRY_MS);
  }

  /** `later` where the reader has to take something first, `never` where it may be that nobody will. */
  #flush(): 'done' | 'later' | 'never' {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#waiting.length > 0) {
      try {
        this.#writeFirst();
      } catch (error) {
        // A full disk, a terminal that is gone: it waits as well, for nobody can be told where the log cannot be written.
        const isBusy = errnoOf(error) === 'EAGAIN';
        this.#timer = setTimeout(() => this.#flush(), isBusy ? RETRY_MS : RETRY_FAILED_MS).unref();
        return isBusy ? 'later' : 'never';
      }
    }
    if (this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      this.#onLost(lost);
    }
    return 'done';
  }

  #writeFirst(): void {
    const [first = Buffer.alloc(0)] = this.#waiting;
    const written = writeSync(this.#descriptor, first);
    this.#waitingBytes -= written;
    if (written < first.length) this.#waiting[0] = first.subarray(written);
    else this.#waiting.shift();
  }
}

/** Standard error as a descriptor that does not block, where the system has one. */
export const standardError = (): number => {
  const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants;
  const kind = fstatSync(2);
  // A file never blocks for a reader, and shares its position with standard output.
  if (kind.isFile()) return 2;
  try {
    // Opened anew, for the mode of the one that was handed to us is the one of our parent, too.
    return openSync('/dev/fd/2', O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
  } catch {
    // A socket, such as the journal's, cannot be opened. Node makes those non-blocking when it is asked for the stream.
    return process.stderr.fd;
  }
};
