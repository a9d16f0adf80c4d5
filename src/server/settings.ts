// What parts of the server are told of the configuration.

import type { ServerConfig } from '../config/schema.ts';
import type { EntryOptions } from '../entry/options.ts';
import type { WindowBudget } from '../link/window.ts';
import { portRangeOf } from '../config/schema.ts';
import type { PoolOptions } from './tunnel-pool.ts';

/** What a reload can change. The rest is bound to ports and connections that are there. */
export const LIVE_SETTINGS = [
  'rules',
  'publish',
  'groups',
  'streamRateBytes',
  'localRateBytes',
  'localRates',
  'logLevel',
  'drainMs',
  'invitationMs',
  'pacHosts',
] as const satisfies readonly (keyof ServerConfig)[];

export const entrySettingsOf = (
  config: ServerConfig,
): Pick<
  EntryOptions,
  | 'associate'
  | 'anonymous'
  | 'strangersMax'
  | 'strangersPerAddressMax'
  | 'handshakeMs'
  | 'httpIdleMs'
  | 'advertised'
  | 'forThisMachine'
> => ({
  associate: {
    advertise: config.advertiseUdp,
    ports: config.udpPorts === undefined ? undefined : portRangeOf(config.udpPorts),
    queueBytes: config.udpQueueBytes,
  },
  anonymous: config.allowAnonymous,
  strangersMax: config.strangersMax,
  strangersPerAddressMax: config.strangersPerAddressMax,
  handshakeMs: config.handshakeMs,
  httpIdleMs: config.httpIdleMs,
  advertised: config.advertise,
  forThisMachine: false,
});

export const poolSettingsOf = (config: ServerConfig, budget: WindowBudget): PoolOptions => ({
  min: config.tunnelsMin,
  max: config.tunnelsMax,
  idMs: config.tunnelIdMs,
  windows: { maxBytes: config.windowMaxBytes, budget, datagramBytes: config.udpQueueBytes },
});
