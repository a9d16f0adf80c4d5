// Runs a role until somebody ends it: SIGTERM drains, a second one and SIGINT end at once. SIGHUP reads the configuration
// again where no terminal is there; on one it means that the terminal is gone, and ends the role as SIGTERM does.

import { flushCompileCache } from 'node:module';
import type { DepotError } from '../errors.ts';

interface Stoppable {
  stop(options?: { readonly drain?: boolean }): Promise<void>;
  /** Left out where there is no configuration to read again. Rejects with what is wrong; the role has logged it. */
  reload?(): Promise<unknown>;
  /** Resolves when it has stopped by itself, and rejects where it had to. Left out where that never happens. */
  readonly stopped?: Promise<void>;
}

const INTERRUPTED = 130;
/** When a start is over, and its compiled code is worth a moment. */
const STARTED_MS = 2000;

/** One that may also come to an end by itself. */
interface Dialing extends Stoppable {
  readonly over: Promise<DepotError>;
}

/** The same for a role that dials the server. Rejects where trying again would change nothing. */
export const untilOver = (role: Dialing): Promise<number> => {
  const gaveUp = role.over.then((error) => {
    if (error.code !== 'stopped') throw error;
  });
  return Promise.race([untilSignal(role), gaveUp.then(() => new Promise<never>(() => undefined))]);
};

/** Resolves with the exit code, once a signal has ended `role`. */
export const untilSignal = (role: Stoppable): Promise<number> =>
  new Promise((resolve, reject) => {
    // Node keeps compiled code when it exits in order; a role may run for months, and then be killed.
    setTimeout(flushCompileCache, STARTED_MS).unref();
    let code = 0;
    let ending = false;
    const end = (drain: boolean): void => {
      const stopped = role.stop({ drain });
      if (ending) return;
      ending = true;
      stopped.then(() => resolve(code), reject);
    };
    role.stopped?.then(() => resolve(code), reject);
    process.on('SIGTERM', () => end(!ending));
    const onTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
    process.on('SIGHUP', () => {
      if (onTerminal) {
        end(!ending);
        return;
      }
      // What is wrong is in the log, and a signal has no answer.
      role.reload?.().catch(() => undefined);
    });
    process.on('SIGINT', () => {
      code = INTERRUPTED;
      end(false);
    });
  });
