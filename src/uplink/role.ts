// What the two roles that dial the server, local and client, have in common towards the program that runs them.

import { DepotError } from '../errors.ts';
import type { Log, LogOption } from '../log.ts';
import type { Resolve } from '../net/dial.ts';
import { logStreamStart } from '../net/stream-log.ts';
import type { StreamEnd, Streams, StreamSnapshot } from '../net/streams.ts';
import type { RoleStatus } from '../watch/status.ts';
import { Watcher } from '../watch/watcher.ts';

/** What such a role tells while it runs. */
export interface DialingEvents {
  /** The link is up. */
  connected: [{ readonly name: string; readonly server: string }];
  /** The link is down, or an attempt failed; `retryInMs` until the next one. */
  disconnected: [{ readonly error: DepotError; readonly retryInMs: number }];
  streamStart: [StreamSnapshot];
  streamEnd: [StreamEnd];
}

/** What a program that embeds such a role may want besides the settings of the configuration. */
export interface DialingOptions {
  /** The home directory of the role; made where it is missing. */
  readonly home: string;
  /** A join link; needed once, ignored by a role that joined with it. */
  readonly link?: string | undefined;
  /** The configuration file, JSON or YAML by its name; default `config.json` or `config.yaml` in the home, where it is there. */
  readonly configFile?: string | undefined;
  /** Variables that stand for settings; default none. The command line hands in `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Finds the addresses of a name, the server's too; default the operating system's resolver. */
  readonly resolve?: Resolve;
  /** Default: silence. A function is called once, with the configured level. */
  readonly log?: LogOption;
}

/** Watches over the streams of such a role: it has no locals and clients, and keeps no history. */
export const dialingWatcher = (streams: Streams, role: () => RoleStatus, log: Log): Watcher =>
  new Watcher({
    streams,
    role,
    locals: () => [],
    clients: () => [],
    userOf: (name) => name ?? '',
    history: undefined,
    onLasting: (stream) => logStreamStart(log, stream),
    log,
  });

/** Ends a stream by its number, as an operator gives it. Throws `not-found`. */
export const kickStream = (streams: Streams, id: string): void => {
  if (streams.end(Number(id), new DepotError('stopped', 'ended by the operator'))) return;
  throw new DepotError('not-found', `There is no stream ${id}. \`depot status\` shows what there is.`);
};
