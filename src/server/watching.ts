// What the server's watcher sees: streams, locals, who they belong to, and where history is kept.

import type { Log } from '../log.ts';
import { messageOf } from '../errors.ts';
import { logStreamStart } from '../net/stream-log.ts';
import type { Streams } from '../net/streams.ts';
import { HistoryStore } from '../store/history.ts';
import type { ClientDeviceStatus, RoleStatus } from '../watch/status.ts';
import { Watcher } from '../watch/watcher.ts';
import type { Registry } from './registry.ts';
import { splitUser } from './router.ts';
import type { ServerState } from './state.ts';
import { statusOfLocals } from './status.ts';

/** How clients that need not say who they are count. */
const ANONYMOUS = '(anonymous)';

/** A history that cannot be kept costs nothing but history. */
const openHistory = (file: string, log: Log): HistoryStore | undefined => {
  try {
    return new HistoryStore(file);
  } catch (error) {
    log.error(
      { event: 'history-failed', error: messageOf(error) },
      `no history is kept: ${file} cannot be used: ${messageOf(error)}`,
    );
    return undefined;
  }
};

export const createWatcher = (
  { store, home }: ServerState,
  registry: Registry,
  streams: Streams,
  clients: () => readonly ClientDeviceStatus[],
  role: () => RoleStatus,
  log: Log,
): Watcher =>
  new Watcher({
    streams,
    role,
    locals: () => statusOfLocals(store, registry, streams),
    clients,
    userOf: (name) => (name === undefined ? ANONYMOUS : splitUser(name).user),
    history: openHistory(home.historyFile, log),
    onLasting: (stream) => logStreamStart(log, stream),
    log,
  });
