// Whose a key is: the local or the client that it was registered for, or what an invitation makes of it.

import { DepotError } from '../errors.ts';
import type { Log } from '../log.ts';
import { digestOfSecret } from '../net/identity.ts';
import type { InvitationTaken, InvitedRole, Store, StoredClient } from '../store/store.ts';

export interface JoiningOptions {
  readonly store: Store;
  /** Names that no local can have. */
  readonly groups: () => ReadonlyMap<string, unknown>;
  readonly log: Log;
}

const COMMAND = { local: 'depot invite NAME', client: 'depot invite --user USER' } as const;

/** What stays of a device's own idea of its name: a DNS label with room for a number behind it. */
const LONGEST_DEVICE = 40;

const deviceName = (wanted: string): string =>
  wanted
    .toLowerCase()
    .replace(/\..*$/, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST_DEVICE)
    .replaceAll(/^-|-$/g, '') || 'device';

/**
 * A new key needs an invitation; a known one that comes with an invitation which is used up did so because it never saw
 * our first answer. All throw `invitation-invalid`, and `unknown-local` or `unknown-client` without one.
 */
export class Joining {
  readonly #options: JoiningOptions;

  constructor(options: JoiningOptions) {
    this.#options = options;
  }

  /** The name of the local that has this key. */
  local(fingerprint: string, invitation: string | undefined): string {
    const { store, log } = this.#options;
    const known = store.localByFingerprint(fingerprint)?.name;
    const invited = this.#invited('local', known, invitation);
    if (invited.known !== undefined) return invited.known;
    const { name } = invited;
    if (this.#options.groups().has(name))
      throw new DepotError('invitation-invalid', `${name} is a group of locals on this server now; ask for a new link`);
    store.saveLocal(name, fingerprint, Date.now());
    log.info({ event: 'local-joined', local: name }, `local ${name} joined`);
    return name;
  }

  /** The client that has this key; `device` is what a new one would like to be called. */
  client(fingerprint: string, device: string, invitation: string | undefined): StoredClient {
    const { store, log } = this.#options;
    const invited = this.#invited('client', store.clientByFingerprint(fingerprint), invitation);
    if (invited.known !== undefined) return invited.known;
    const client = store.addClient(invited.name, deviceName(device), fingerprint, Date.now());
    log.info(
      { event: 'client-joined', user: client.user, device: client.device },
      `client ${client.device} of user ${client.user} joined`,
    );
    return client;
  }

  /** Whoever the key was known as, or whom the invitation names. */
  #invited<T>(
    role: InvitedRole,
    known: T | undefined,
    invitation: string | undefined,
  ): { readonly known: T } | { readonly known: undefined; readonly name: string } {
    if (invitation === undefined) {
      if (known !== undefined) return { known };
      throw new DepotError(
        `unknown-${role}`,
        `this server does not know this ${role}, or has revoked it; join with a new link from \`${COMMAND[role]}\``,
      );
    }
    const taken = this.#options.store.takeInvitation(digestOfSecret(invitation), Date.now(), role);
    if (taken.kind === 'valid') return { known: undefined, name: taken.name };
    if (taken.kind === 'used' && known !== undefined) return { known };
    throw new DepotError(
      'invitation-invalid',
      `this join link ${whyNot(taken.kind, role)}; make a new one with \`${COMMAND[role]}\` on the server`,
    );
  }
}

const whyNot = (kind: Exclude<InvitationTaken['kind'], 'valid'>, role: InvitedRole): string =>
  ({
    'used': 'was used before',
    'expired': 'has expired',
    'unknown': 'is not known to this server',
    'for-other-role': `is not one for a ${role}`,
  })[kind];
