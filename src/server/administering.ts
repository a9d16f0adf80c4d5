// The administration of a running server: what is changed in the store, sessions and streams are told of at once.

import { DepotError } from '../errors.ts';
import type { Administration } from '../watch/admin-api.ts';
import type { Watcher } from '../watch/watcher.ts';
import { StoreAdministration } from './administration.ts';
import type { Clients } from './clients.ts';
import type { Gate } from './gate.ts';
import type { Registry } from './registry.ts';
import { advertisedHost, type ServerState } from './state.ts';

export interface Administered {
  /** The control port that links lead to. */
  readonly port: number;
  readonly registry: Registry;
  readonly clients: Clients;
  readonly gate: Gate;
  readonly watcher: Watcher;
  readonly invitationMs: () => number;
  readonly onWebPassword: () => void;
}

export const administrationOf = (
  { config, store, identity }: ServerState,
  { port, registry, clients, gate, watcher, invitationMs, onWebPassword }: Administered,
): Administration =>
  new StoreAdministration({
    store,
    invitationMs,
    linkTarget: { host: advertisedHost(config), port, fingerprint: identity.fingerprint },
    onWebPassword,
    groups: () => gate.groups,
    usedBytes: (name) => gate.usedBytes(name),
    onUserChanged: (name, rulesChanged) => gate.userChanged(name, rulesChanged),
    onUserRemoved: (name) => {
      clients.endOf(name, new DepotError('revoked', `user ${name} was removed`));
      gate.userRemoved(name);
      watcher.forget('user', name);
    },
    onClientRevoked: (title) => clients.end(title, new DepotError('revoked', `client ${title} was revoked`)),
    onLocalRevoked: (name) => {
      registry.end(name, new DepotError('revoked', `local ${name} was revoked`));
      watcher.forget('local', name);
    },
  });
