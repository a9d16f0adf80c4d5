// The server's side of the link, put together: the door for locals and clients, who may come in as what, and the clients
// that have.

import type { WindowBudget } from '../link/window.ts';
import type { Log } from '../log.ts';
import type { Descriptors } from '../net/descriptors.ts';
import type { FairShare } from '../net/fair-share.ts';
import type { Incidents } from '../net/incidents.ts';
import type { Streams } from '../net/streams.ts';
import { TlsAcceptor } from '../net/tls.ts';
import { Admission } from './admission.ts';
import { Clients } from './clients.ts';
import type { Gate } from './gate.ts';
import { Joining } from './joining.ts';
import { LinkDoor } from './link-door.ts';
import type { Registry } from './registry.ts';
import { poolSettingsOf } from './settings.ts';
import type { ServerState } from './state.ts';

export interface LinksOptions {
  readonly state: ServerState;
  readonly registry: Registry;
  readonly gate: Gate;
  readonly streams: Streams;
  readonly budget: WindowBudget;
  readonly share: FairShare;
  readonly descriptors: Descriptors;
  readonly incidents: Incidents;
  /** The port for tunnels, where it is another one than the control port. */
  readonly tunnelPort: () => number | undefined;
  readonly log: Log;
}

export interface Links {
  readonly clients: Clients;
  readonly admission: Admission;
  readonly door: LinkDoor;
}

export const createLinks = ({
  state: { config, store, identity },
  registry,
  gate,
  streams,
  budget,
  share,
  descriptors,
  incidents,
  tunnelPort,
  log,
}: LinksOptions): Links => {
  const clients = new Clients({ store, streams, log });
  const admission = new Admission({
    joining: new Joining({ store, groups: () => gate.groups, log }),
    locals: registry,
    clients,
    pool: poolSettingsOf(config, budget),
    tunnelPort,
    pacRules: (user) => gate.pacRules(user),
  });
  const door = new LinkDoor({
    share,
    descriptors,
    acceptor: new TlsAcceptor(identity),
    settings: config,
    onHello: (hello, caller, connection) => admission.receive(hello, caller, connection),
    onTurnedAway: incidents.at('control'),
  });
  return { clients, admission, door };
};
