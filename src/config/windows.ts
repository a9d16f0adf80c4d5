// What the settings say of windows, as tunnels read it: whenever they need it, so that a reload counts.

import type { WindowBudget, WindowOptions } from '../link/window.ts';
import type { UplinkConfig } from './schema.ts';

export const windowsOf = (
  config: Pick<UplinkConfig, 'windowMaxBytes' | 'udpQueueBytes'>,
  budget: WindowBudget,
): WindowOptions => ({
  get maxBytes() {
    return config.windowMaxBytes;
  },
  get datagramBytes() {
    return config.udpQueueBytes;
  },
  budget,
});
