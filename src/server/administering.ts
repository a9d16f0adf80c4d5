// The administration of a running server: what is changed in the store, sessions and streams are told of at once.

import { DepotError } from '../errors.ts';
import type { Administration } from '../watch/admin-api.ts';
import type { Watcher } from '../watch/watcher.ts';
import { StoreAdministration } from './administration.ts';
import type { Clients } from './clients.ts';
import type { Gate } from './gate.ts';
import type { Registry } from './registry.ts';
import { advertisedHost, type ServerState } from './state.ts';
import type { Change } from './succession.ts';

/** Whom it concerns when users, locals or clients are changed. */
export interface Concerned {
  readonly registry: Registry;
  readonly clients: Clients;
  readonly gate: Gate;
  readonly watcher: Watcher;
}

export interface Administered extends Concerned {
  /** The control port that links lead to. */
  readonly port: number;
  readonly invitationMs: () => number;
  readonly onWebPassword: () => void;
  /** Another process may have streams that this is about. */
  readonly tell: ((change: Change) => void) | undefined;
}

/** Tells sessions and streams what was changed in the store. */
export const applyChange = (change: Change, { registry, clients, gate, watcher }: Concerned): void => {
  const { name } = change;
  switch (change.kind) {
    case 'user':
      gate.userChanged(name, change.rulesChanged);
      return;
    case 'user-removed':
      clients.endOf(name, new DepotError('revoked', `user ${name} was removed`));
      gate.userRemoved(name);
      watcher.forget('user', name);
      return;
    case 'client-revoked':
      clients.end(name, new DepotError('revoked', `client ${name} was revoked`));
      return;
    case 'local-revoked':
      registry.end(name, new DepotError('revoked', `local ${name} was revoked`));
      watcher.forget('local', name);
  }
};

export const administrationOf = (
  { config, store, identity }: ServerState,
  { port, invitationMs, onWebPassword, tell, ...told }: Administered,
): Administration => {
  const onChange = (change: Change): void => {
    applyChange(change, told);
    tell?.(change);
  };
  return new StoreAdministration({
    store,
    invitationMs,
    linkTarget: { host: advertisedHost(config), port, fingerprint: identity.fingerprint },
    onWebPassword,
    groups: () => told.gate.groups,
    usedBytes: (name) => told.gate.usedBytes(name),
    onUserChanged: (name, rulesChanged) => onChange({ kind: 'user', name, rulesChanged }),
    onUserRemoved: (name) => onChange({ kind: 'user-removed', name }),
    onClientRevoked: (name) => onChange({ kind: 'client-revoked', name }),
    onLocalRevoked: (name) => onChange({ kind: 'local-revoked', name }),
  });
};
