// What an operator can do to a server's state. Works on the store, so it is the same whether the server runs or not;
// a running server is told through the hooks.

import { randomBytes } from 'node:crypto';
import { DepotError } from '../errors.ts';
import { formatJoinLink, type JoiningRole } from '../link/join-link.ts';
import { localName, userName } from '../link/messages.ts';
import { digestOfSecret } from '../net/identity.ts';
import type { Store, StoredClient, StoredLocal } from '../store/store.ts';
import type { Administration, Invitation, UserInfo } from '../watch/admin-api.ts';
import { deviceTitle } from './clients.ts';
import { generatePassword, hashPassword } from './passwords.ts';

export interface StoreAdministrationOptions {
  readonly store: Store;
  /** Where a new local finds the server, and by which key it knows it. */
  readonly linkTarget: { readonly host: string; readonly port: number; readonly fingerprint: string };
  readonly invitationMs: number;
  readonly onUserRemoved?: (name: string) => void;
  readonly onLocalRevoked?: (name: string) => void;
  /** Called with USER/DEVICE. */
  readonly onClientRevoked?: (title: string) => void;
}

const INVITATION_BYTES = 32;
/** RFC 1929 has one byte for its length. */
const MAX_PASSWORD_BYTES = 255;

const checkLocalName = (name: string): void => {
  const result = localName.safeParse(name);
  if (!result.success)
    throw new DepotError('invalid-argument', `"${name}" is no name for a local: ${result.error.issues[0]?.message}.`);
};

const checkUserName = (name: string): void => {
  const result = userName.safeParse(name);
  if (!result.success)
    throw new DepotError('invalid-argument', `"${name}" is no user name: ${result.error.issues[0]?.message}.`);
};

const checkPassword = (password: string): void => {
  if (password === '' || Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw new DepotError(
      'invalid-argument',
      `A password has 1 to ${MAX_PASSWORD_BYTES} bytes; SOCKS5 has room for no more.`,
    );
  }
};

const noUser = (name: string): DepotError =>
  new DepotError('not-found', `There is no user ${name}. \`depot user list\` shows who there is.`);

export class StoreAdministration implements Administration {
  readonly #options: StoreAdministrationOptions;

  constructor(options: StoreAdministrationOptions) {
    this.#options = options;
  }

  async invite(name: string): Promise<Invitation> {
    checkLocalName(name);
    return this.#invite('local', name);
  }

  async inviteClient(user: string): Promise<Invitation> {
    if (this.#options.store.user(user) === undefined) throw noUser(user);
    return this.#invite('client', user);
  }

  #invite(role: JoiningRole, name: string): Invitation {
    const { store, linkTarget, invitationMs } = this.#options;
    const invitation = randomBytes(INVITATION_BYTES).toString('base64url');
    const expiresAt = Date.now() + invitationMs;
    store.addInvitation(digestOfSecret(invitation), name, expiresAt, role);
    return { link: formatJoinLink({ role, ...linkTarget, name, invitation }), expiresAt };
  }

  async users(): Promise<readonly UserInfo[]> {
    return this.#options.store.users().map(({ name, locals, createdAt }) => ({ name, locals, createdAt }));
  }

  async addUser({
    name,
    password = generatePassword(),
    locals,
  }: {
    name: string;
    password?: string | undefined;
    locals: readonly string[];
  }): Promise<{ password: string }> {
    checkUserName(name);
    checkPassword(password);
    locals.forEach(checkLocalName);
    this.#options.store.addUser({ name, passwordHash: await hashPassword(password), locals, createdAt: Date.now() });
    return { password };
  }

  async setPassword(name: string, password = generatePassword()): Promise<{ password: string }> {
    checkPassword(password);
    if (!this.#options.store.setPasswordHash(name, await hashPassword(password))) throw noUser(name);
    return { password };
  }

  async removeUser(name: string): Promise<void> {
    if (!this.#options.store.removeUser(name)) throw noUser(name);
    this.#options.onUserRemoved?.(name);
  }

  async locals(): Promise<readonly StoredLocal[]> {
    return this.#options.store.locals();
  }

  async revokeLocal(name: string): Promise<void> {
    if (!this.#options.store.removeLocal(name)) {
      throw new DepotError('not-found', `There is no local ${name}. \`depot locals\` shows which there are.`);
    }
    this.#options.onLocalRevoked?.(name);
  }

  async clients(): Promise<readonly StoredClient[]> {
    return this.#options.store.clients();
  }

  async revokeClient(user: string, device: string): Promise<void> {
    const title = deviceTitle({ user, device });
    if (!this.#options.store.removeClient(user, device)) {
      throw new DepotError('not-found', `There is no client ${title}. \`depot clients\` shows which there are.`);
    }
    this.#options.onClientRevoked?.(title);
  }
}

/** What the very first start made; shown once, never again. */
export interface FirstStart {
  readonly user: string;
  readonly password: string;
  readonly local: string;
  readonly link: string;
}

const FIRST_USER = 'owner';
const FIRST_LOCAL = 'home';

/** Gives a home that nobody has used yet its first user and the link for its first local. */
export const beginAnew = async (administration: Administration): Promise<FirstStart> => {
  const { password } = await administration.addUser({ name: FIRST_USER, locals: [] });
  const { link } = await administration.invite(FIRST_LOCAL);
  return { user: FIRST_USER, password, local: FIRST_LOCAL, link };
};
