// What status shows of the locals: those that have joined, and the session of each that is connected.

import type { StreamSnapshot } from '../net/streams.ts';
import type { Store } from '../store/store.ts';
import type { LocalStatus } from '../watch/status.ts';
import type { Registry } from './registry.ts';

export const statusOfLocals = (
  store: Store,
  registry: Registry,
  streams: readonly StreamSnapshot[],
): readonly LocalStatus[] => {
  const streamsOf = Map.groupBy(streams, ({ local }) => local);
  return store.locals().map(({ name, lastSeenAt }) => {
    const session = registry.get(name);
    return {
      name,
      connected: session !== undefined,
      since: session?.since ?? null,
      lastSeenAt: session === undefined ? lastSeenAt : Date.now(),
      from: session?.peer.from ?? null,
      software: session?.peer.software ?? null,
      platform: session?.peer.platform ?? null,
      rttMs: session?.rttMs ?? null,
      tunnels: session?.pool.counts ?? { idle: 0, busy: 0 },
      streams: streamsOf.get(name)?.length ?? 0,
    };
  });
};
