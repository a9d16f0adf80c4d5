// What status shows of the server itself, and of the locals: those that have joined, and the session of each that is connected.

import type { Streams } from '../net/streams.ts';
import type { Store } from '../store/store.ts';
import { VERSION } from '../version.ts';
import type { LocalStatus, RoleStatusOf } from '../watch/status.ts';
import type { Registry } from './registry.ts';
import { advertisedHost, type ServerState } from './state.ts';

export const statusOfLocals = (store: Store, registry: Registry, streams: Streams): readonly LocalStatus[] => {
  const running = new Map<string | undefined, number>();
  streams.visit(({ local }) => running.set(local, (running.get(local) ?? 0) + 1));
  return store.locals().map(({ name, lastSeenAt }) => {
    const session = registry.get(name);
    return {
      name,
      connected: session !== undefined,
      draining: session?.isDraining ?? false,
      since: session?.since ?? null,
      lastSeenAt: session === undefined ? lastSeenAt : Date.now(),
      from: session?.peer.from ?? null,
      software: session?.peer.software ?? null,
      platform: session?.peer.platform ?? null,
      rttMs: session?.rttMs ?? null,
      tunnels: session?.pool.counts ?? { idle: 0, busy: 0 },
      streams: running.get(name) ?? 0,
    };
  });
};

export interface RunningServer extends Pick<
  RoleStatusOf<'server'>,
  'startedAt' | 'descriptors' | 'draining' | 'published'
> {
  readonly ports: { readonly socksPort: number; readonly controlPort: number; readonly tunnelPort: number };
  /** The dashboard's port, where there is one. */
  readonly web: number | null;
}

export const roleOf = (
  { config, store, identity }: ServerState,
  { startedAt, descriptors, draining, ports: { socksPort, controlPort, tunnelPort }, web, published }: RunningServer,
): RoleStatusOf<'server'> => ({
  role: 'server',
  version: VERSION,
  pid: process.pid,
  startedAt,
  descriptors,
  draining,
  host: config.host,
  advertised: advertisedHost(config),
  ports: { socks: socksPort, control: controlPort, tunnel: tunnelPort, web },
  fingerprint: identity.fingerprint,
  users: store.userCount,
  published,
});
