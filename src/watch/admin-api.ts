// What can be asked of a running role, as types: what the role hands in, and what a program that embeds one may call.
// Knows nothing of HTTP, so that the library's declarations do not either.

import type { UserLimits } from '../rules/limits.ts';
import type { StoredClient, StoredLocal } from '../store/store.ts';
import type { Reloaded, Upgraded, UserChange } from './answers.ts';
import type { CheckQuestion, CheckResult } from './check.ts';
import type { Status } from './status.ts';
import type { Watcher } from './watcher.ts';

/** A user as it is shown: without anything secret. */
export interface UserInfo extends UserLimits {
  readonly name: string;
  /** Locals and groups in order of preference; empty for all locals. */
  readonly locals: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Bytes in the present month (UTC), both directions together. */
  readonly usedBytes: number;
}

export interface NewUser extends UserChange {
  readonly name: string;
  /** Made where it is missing. */
  readonly password?: string | undefined;
}

export interface Invitation {
  readonly link: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Who may see the web page of a role. Rejects with a `DepotError`. */
export interface WebAdministration {
  /** The password of the page; made where none is given. Everybody who is logged in has to log in again. */
  setWebPassword(password?: string): Promise<{ readonly password: string }>;
  /** A new token for /metrics; the one before is good no more. */
  makeMetricsToken(): Promise<{ readonly token: string }>;
}

/** What an operator can do to a server, running or not. Rejects with a `DepotError`. */
export interface Administration extends WebAdministration {
  /** For a new local of this name. */
  invite(name: string): Promise<Invitation>;
  /** For a new device of this user. */
  inviteClient(user: string): Promise<Invitation>;
  users(): Promise<readonly UserInfo[]>;
  /** Makes a password where none is given, and returns it. */
  addUser(user: NewUser): Promise<{ readonly password: string }>;
  user(name: string): Promise<UserInfo>;
  /** Streams that the user may not have any more end at once. */
  setUser(name: string, change: UserChange): Promise<UserInfo>;
  setPassword(name: string, password?: string): Promise<{ readonly password: string }>;
  removeUser(name: string): Promise<void>;
  locals(): Promise<readonly StoredLocal[]>;
  /** Forgets a local's key and cuts its session. */
  revokeLocal(name: string): Promise<void>;
  clients(): Promise<readonly StoredClient[]>;
  /** Forgets a device's key and cuts its session. */
  revokeClient(user: string, device: string): Promise<void>;
}

export type { UserChange } from './answers.ts';

/** What can be asked of any running role. */
export interface Observable {
  readonly watcher: Watcher;
  status(): Status;
  /** Ends a stream by its number, or the session of a local (NAME) or a client (USER/DEVICE). */
  kick(id: string): void;
  /** Reads the configuration again. Throws `invalid-config`, nothing changed then. */
  reload(): Promise<Reloaded>;
  /** Has another process take the place of this one; only a server that was started as a program can. */
  upgrade?(): Promise<Upgraded>;
  /** Tries a target the way a stream goes; only a server can. */
  check?(question: CheckQuestion): Promise<CheckResult>;
}

/** Everything that the API is about. */
export interface Watched {
  readonly observable: Observable;
  /** Undefined where there is nobody to administer: in a local and a client. */
  readonly administration?: Administration | undefined;
  readonly web: WebAdministration;
}

/** The web page of a role. */
export interface WebPage {
  /** Where a browser on this machine, or anywhere where it listens elsewhere, finds it. */
  readonly url: string;
  /** Set where there was none before: shown once. */
  readonly password: string | undefined;
}
