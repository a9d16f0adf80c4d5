// How streams get into the log: one line when a stream is over, the same on every side; one while they may end in peace.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { formatAddress } from '../socks/address.ts';
import type { StreamEnd, Streams } from './streams.ts';

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
