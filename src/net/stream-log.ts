// How streams get into the log, the same on every side: one line when a stream lasts, one when it is over; and one while
// they may end in peace. docs/logging.md lists the fields.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { formatAddress } from '../socks/address.ts';
import type { StreamEnd, Streams, StreamSnapshot } from './streams.ts';

/** For a stream that still runs after a while; of the many that are over by then the line of their end says it all. */
export const logStreamStart = (log: Log, stream: StreamSnapshot): void => {
  const { id, command, user, from, target, local, state } = stream;
  const startedAt = new Date(stream.startedAt).toISOString();
  log.info(
    { event: 'stream-start', id, command, user, from, target, local, state, startedAt },
    `stream ${id} (${command} ${formatAddress(target)}) runs`,
  );
};

export const logStreamEnd = (log: Log, stream: StreamEnd): void => {
  const { id, command, user, from, target, local, reply, bytesUp, bytesDown, dropped, error } = stream;
  const durationMs = Math.round(stream.durationMs);
  log.info(
    {
      event: 'stream-end',
      id,
      command,
      user,
      from,
      target,
      local,
      reply,
      bytesUp,
      bytesDown,
      dropped,
      durationMs,
      code: error?.code,
    },
    `stream ${id} (${command} ${formatAddress(target)}) ended${error === undefined ? '' : `: ${error.message}`}`,
  );
};

/** Waits until no stream runs any more, but no longer than `drainMs`. */
export const drain = async (streams: Streams, drainMs: number, log: Log): Promise<void> => {
  if (streams.size === 0) return;
  log.info(
    { event: 'draining', streams: streams.size },
    `draining: ${streams.size} streams may end within ${drainMs / 1000} s; a second SIGTERM ends at once`,
  );
  const patience = new AbortController();
  const wait = sleep(drainMs, undefined, { signal: patience.signal }).catch(() => undefined);
  await Promise.race([streams.idle(), wait]);
  patience.abort();
};
