// What parts of the server are told of the configuration. They read it whenever they need it, so that a reload counts.

import { portRangeOf, type ServerConfig } from '../config/schema.ts';
import { windowsOf } from '../config/windows.ts';
import type { EntryOptions } from '../entry/options.ts';
import type { WindowBudget } from '../link/window.ts';
import type { PoolOptions } from './tunnel-pool.ts';

export const entrySettingsOf = (
  config: ServerConfig,
): Pick<EntryOptions, 'associate' | 'settings' | 'advertised' | 'forThisMachine'> => ({
  associate: {
    get advertise() {
      return config.advertiseUdp;
    },
    get ports() {
      return config.udpPorts === undefined ? undefined : portRangeOf(config.udpPorts);
    },
    get queueBytes() {
      return config.udpQueueBytes;
    },
  },
  settings: config,
  advertised: config.advertise,
  forThisMachine: false,
});

export const poolSettingsOf = (config: ServerConfig, budget: WindowBudget): PoolOptions => ({
  settings: config,
  windows: windowsOf(config, budget),
});
