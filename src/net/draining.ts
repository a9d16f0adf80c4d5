// How a side comes to rest: what runs may end by itself, within bounds.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { Streams } from './streams.ts';

/** How long those may take who are in the middle of a handshake, in milliseconds. */
export const LINGER_MS = 2000;

/**
 * Waits until no stream runs any more, but no longer than `drainMs`. Before that it waits for `arriving`: those whose
 * streams are about to begin.
 */
export const drain = async (
  streams: Streams,
  drainMs: number,
  log: Log,
  arriving = Promise.resolve(),
): Promise<void> => {
  if (streams.size > 0)
    log.info(
      { event: 'draining', streams: streams.size },
      `draining: ${streams.size} streams may end within ${drainMs / 1000} s; a second SIGTERM ends at once`,
    );
  await within(
    drainMs,
    arriving.then(() => streams.idle()),
  );
};

/** Waits for something that never fails, but no longer than so many milliseconds. */
export const within = async (milliseconds: number, done: Promise<unknown>): Promise<void> => {
  const patience = new AbortController();
  const wait = sleep(milliseconds, undefined, { signal: patience.signal }).catch(() => undefined);
  await Promise.race([done, wait]);
  patience.abort();
};
