// What status shows of the locals: those that have joined, and the session of each that is connected.

import type { Streams } from '../net/streams.ts';
import type { Store } from '../store/store.ts';
import type { LocalStatus } from '../watch/status.ts';
import type { Registry } from './registry.ts';

export const statusOfLocals = (store: Store, registry: Registry, streams: Streams): readonly LocalStatus[] => {
  const running = new Map<string | undefined, number>();
  streams.visit(({ local }) => running.set(local, (running.get(local) ?? 0) + 1));
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
      streams: running.get(name) ?? 0,
    };
  });
};
