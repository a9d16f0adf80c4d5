// The dashboard of a server, unless it is disabled.

import type { ServerConfig } from '../config/schema.ts';
import type { Descriptors } from '../net/descriptors.ts';
import { roomAmong, WaitingRoom } from '../net/waiting-room.ts';
import type { Store } from '../store/store.ts';
import type { Administration } from '../watch/admin-api.ts';
import type { Doors } from '../watch/doors.ts';
import type { WebOptions } from '../watch/web.ts';

const CONNECTIONS_MAX = 500;

export interface DashboardOptions extends Pick<
  WebOptions,
  'observable' | 'certificate' | 'penalties' | 'advertised' | 'pac' | 'inherit' | 'onTurnedAway'
> {
  readonly doors: Doors;
  readonly config: ServerConfig;
  readonly store: Store;
  readonly administration: Administration;
  readonly descriptors: Descriptors;
}

/** Rejects with `address-in-use` or `invalid-config`. */
export const startDashboard = async ({
  doors,
  config,
  store,
  administration,
  descriptors,
  ...options
}: DashboardOptions): Promise<void> => {
  if (config.webDisabled) return;
  const connectionsMax = descriptors.ofReserve(CONNECTIONS_MAX);
  await doors.openWeb({
    ...options,
    connectionsMax,
    strangers: new WaitingRoom(roomAmong(connectionsMax)),
    settings: config,
    port: config.webPort,
    facts: store,
    administration,
    web: administration,
  });
};
