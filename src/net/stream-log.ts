// How streams get into the log, the same on every side: one line when a stream lasts, one when it is over. Requests that
// came to nothing, again and again, are counted rather than written. docs/logging.md lists the fields.

import type { Log } from '../log.ts';
import { formatAddress, networkOf } from '../socks/address.ts';
import { LineLimit, LINES_MS } from './line-limit.ts';
import type { StreamEnd, StreamSnapshot } from './streams.ts';

/** Of each code within a minute, in all and for one user: streams that failed before they carried a byte. */
const LINES = 600;
const LINES_PER_USER = 60;

/** For a stream that still runs after a while; of the many that are over by then the line of their end says it all. */
export const logStreamStart = (log: Log, stream: StreamSnapshot): void => {
  const { id, command, user, from, target, local, state } = stream;
  const startedAt = new Date(stream.startedAt).toISOString();
  log.info(
    { event: 'stream-start', id, command, user, from, target, local, state, startedAt },
    `stream ${id} (${command} ${formatAddress(target)}) runs`,
  );
};

const logEnd = (log: Log, stream: StreamEnd): void => {
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

/** The ends of streams. What carried bytes or ended in order always has its line, for people count by them. */
export class StreamEndLog implements Disposable {
  readonly #log: Log;
  readonly #userOf: (user: string) => string;
  readonly #limit: LineLimit;

  /** `userOf` takes off what a client may put behind a user's name as it likes. */
  constructor(log: Log, userOf: (user: string) => string = (user) => user) {
    this.#log = log;
    this.#userOf = userOf;
    this.#limit = new LineLimit({
      lines: LINES,
      linesPerSource: LINES_PER_USER,
      onMore: (code, _count, bySource) => {
        for (const [source, count] of bySource)
          log.info(
            { event: 'stream-end-more', code, ...fieldOf(source), count },
            `${count} more streams of ${source ?? 'others'} failed within ${LINES_MS / 1000} s (${code})`,
          );
      },
    });
  }

  add(stream: StreamEnd): void {
    const { user, from, error, bytesUp, bytesDown } = stream;
    const isVain = error !== undefined && bytesUp + bytesDown === 0;
    const source = user === undefined ? `${ADDRESS}${networkOf(from)}` : this.#userOf(user);
    if (!isVain || this.#limit.mayWrite(error.code, source)) logEnd(this.#log, stream);
  }

  /** Tells what was not written yet. */
  [Symbol.dispose](): void {
    this.#limit[Symbol.dispose]();
  }
}

/** Before a client's network where it has no name; no user's name has a space. */
const ADDRESS = 'somebody at ';

const fieldOf = (source: string | undefined): { readonly user?: string; readonly from?: string } => {
  if (source === undefined) return {};
  return source.startsWith(ADDRESS) ? { from: source.slice(ADDRESS.length) } : { user: source };
};
