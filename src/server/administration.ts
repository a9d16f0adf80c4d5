// What an operator can do to a server's state. Works on the store, so it is the same whether the server runs or not;
// a running server is told through the hooks.

import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { generatePassword, hashPassword, requirePassword } from '../credentials/passwords.ts';
import { makeMetricsToken, setWebPassword } from '../credentials/web-access.ts';
import { DepotError, messageOf } from '../errors.ts';
import { formatJoinLink, type JoiningRole } from '../link/join-link.ts';
import { localName, userName } from '../link/messages.ts';
import { digestOfSecret } from '../net/identity.ts';
import { type LimitsChange, NO_LIMITS, UserLimits } from '../rules/limits.ts';
import { parseNetwork } from '../rules/network.ts';
import { parseOrderedRule } from '../rules/ordered.ts';
import type { Store, StoredClient, StoredLocal, StoredUser } from '../store/store.ts';
import type { Administration, Invitation, NewUser, UserChange, UserInfo } from '../watch/admin-api.ts';
import { deviceTitle } from './clients.ts';

export interface StoreAdministrationOptions {
  readonly store: Store;
  /** Where a new local finds the server, and by which key it knows it. */
  readonly linkTarget: { readonly host: string; readonly port: number; readonly fingerprint: string };
  readonly invitationMs: () => number;
  /** Names that no local can have. */
  readonly groups: () => ReadonlyMap<string, unknown>;
  /** What a user has used this month; default what the store knows. */
  readonly usedBytes?: (name: string) => number;
  readonly onUserChanged?: (name: string, rulesChanged: boolean) => void;
  readonly onWebPassword?: () => void;
  readonly onUserRemoved?: (name: string) => void;
  readonly onLocalRevoked?: (name: string) => void;
  /** Called with USER/DEVICE. */
  readonly onClientRevoked?: (title: string) => void;
}

const INVITATION_BYTES = 32;

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

/** Throws `invalid-argument` where a rule or a network cannot be read. */
const changed = (limits: UserLimits, change: LimitsChange): UserLimits => {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  const result = UserLimits.safeParse({ ...limits, ...Object.fromEntries(given) });
  if (!result.success) throw new DepotError('invalid-argument', z.prettifyError(result.error));
  const { rules, from } = result.data;
  try {
    rules.forEach(parseOrderedRule);
  } catch (cause) {
    throw new DepotError('invalid-argument', messageOf(cause), { cause });
  }
  const place = from.find((text) => parseNetwork(text) === undefined);
  if (place === undefined) return result.data;
  throw new DepotError('invalid-argument', `"${place}" is no address and no network, such as 203.0.113.0/24.`);
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
    if (this.#options.groups().has(name))
      throw new DepotError('conflict', `${name} is a group of locals. Choose another name.`);
    return this.#invite('local', name);
  }

  async inviteClient(user: string): Promise<Invitation> {
    if (this.#options.store.user(user) === undefined) throw noUser(user);
    return this.#invite('client', user);
  }

  #invite(role: JoiningRole, name: string): Invitation {
    const { store, linkTarget, invitationMs } = this.#options;
    const invitation = randomBytes(INVITATION_BYTES).toString('base64url');
    const expiresAt = Date.now() + invitationMs();
    store.addInvitation(digestOfSecret(invitation), name, expiresAt, role);
    return { link: formatJoinLink({ role, ...linkTarget, name, invitation }), expiresAt };
  }

  async users(): Promise<readonly UserInfo[]> {
    return this.#options.store.users().map((user) => this.#info(user));
  }

  async user(name: string): Promise<UserInfo> {
    const user = this.#options.store.user(name);
    if (user === undefined) throw noUser(name);
    return this.#info(user);
  }

  #info({ name, locals, createdAt, limits }: StoredUser): UserInfo {
    const { store, usedBytes = (user) => store.usedBytes(user, new Date().toISOString().slice(0, 7)) } = this.#options;
    return { name, locals, createdAt, ...limits, usedBytes: usedBytes(name) };
  }

  async addUser({
    name,
    password = generatePassword(),
    locals = [],
    ...change
  }: NewUser): Promise<{ password: string }> {
    checkUserName(name);
    requirePassword(password);
    locals.forEach(checkLocalName);
    const limits = changed(NO_LIMITS, change);
    const passwordHash = await hashPassword(password);
    this.#options.store.addUser({ name, passwordHash, locals, createdAt: Date.now(), limits });
    return { password };
  }

  async setUser(name: string, { locals, ...change }: UserChange): Promise<UserInfo> {
    const { store, onUserChanged } = this.#options;
    const user = store.user(name);
    if (user === undefined) throw noUser(name);
    locals?.forEach(checkLocalName);
    const limits = changed(user.limits, change);
    store.setUser(name, locals ?? user.locals, limits);
    onUserChanged?.(name, limits.rules.join('\n') !== user.limits.rules.join('\n'));
    return this.user(name);
  }

  async setPassword(name: string, password = generatePassword()): Promise<{ password: string }> {
    requirePassword(password);
    if (!this.#options.store.setPasswordHash(name, await hashPassword(password))) throw noUser(name);
    return { password };
  }

  async removeUser(name: string): Promise<void> {
    if (!this.#options.store.removeUser(name)) throw noUser(name);
    this.#options.onUserRemoved?.(name);
  }

  async setWebPassword(password?: string): Promise<{ password: string }> {
    const made = await setWebPassword(this.#options.store, password);
    this.#options.onWebPassword?.();
    return made;
  }

  async makeMetricsToken(): Promise<{ token: string }> {
    return makeMetricsToken(this.#options.store);
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
