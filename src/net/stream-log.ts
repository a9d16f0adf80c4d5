// How streams get into the log, the same on every side: one line when a stream lasts, one when it is over.
// docs/logging.md lists the fields.

import type { Log } from '../log.ts';
import { formatAddress } from '../socks/address.ts';
import type { StreamEnd, StreamSnapshot } from './streams.ts';

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
