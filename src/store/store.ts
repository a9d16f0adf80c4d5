// What the server remembers over restarts, in SQLite: users, locals, invitations, usage. Only hashes of secrets are in here.

import { chmodSync, existsSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { DepotError, messageOf } from '../errors.ts';
import { NO_LIMITS, UserLimits } from '../rules/limits.ts';
import { diskTrouble, Statements } from './statements.ts';

export interface StoredUser {
  readonly name: string;
  /** See credentials/passwords.ts for its form. */
  readonly passwordHash: string;
  /** The locals that this user may use, in order of preference; empty for all. */
  readonly locals: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly limits: UserLimits;
}

export interface StoredLocal {
  readonly name: string;
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly joinedAt: number;
  readonly lastSeenAt: number;
}

/** A device of a user, which has joined with a key of its own. */
export interface StoredClient {
  readonly user: string;
  /** Unique among the devices of its user. */
  readonly device: string;
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly joinedAt: number;
  readonly lastSeenAt: number;
}

/** What an invitation is for: a local of some name, or a client of some user. */
export type InvitedRole = 'local' | 'client';

/** What became of an invitation that somebody presented. */
export type InvitationTaken =
  | { readonly kind: 'valid'; readonly name: string }
  | { readonly kind: 'used' | 'expired' | 'unknown' | 'for-other-role' };

/** One step per schema version, in order. A step that was released is never changed. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE users (
     name TEXT PRIMARY KEY, password_hash TEXT NOT NULL, created_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE user_locals (
     user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE, position INTEGER NOT NULL, local TEXT NOT NULL,
     PRIMARY KEY (user, position)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE locals (
     name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, joined_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE invitations (
     digest TEXT PRIMARY KEY, name TEXT NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE clients (
     user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE, device TEXT NOT NULL,
     fingerprint TEXT NOT NULL UNIQUE, joined_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL,
     PRIMARY KEY (user, device)
   ) STRICT;
   ALTER TABLE invitations ADD COLUMN role TEXT NOT NULL DEFAULT 'local';`,
  `ALTER TABLE users ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
   CREATE TABLE usage (
     user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE, month TEXT NOT NULL, bytes INTEGER NOT NULL,
     PRIMARY KEY (user, month)
   ) STRICT, WITHOUT ROWID;`,
];

/** A used or expired invitation is remembered this long, so that it can be refused by name. */
const INVITATION_MEMORY_MS = 30 * 24 * 3600 * 1000;

const LINK_TARGET = 'link-target';

type Row = Readonly<Record<string, SQLOutputValue>>;

export class Store implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  /** What every request asks for, until something changes. Only this process writes, or says `refresh` where another one did. */
  readonly #userCache = new Map<string, StoredUser>();
  #localNames: ReadonlySet<string> | undefined;

  /** Opens `file`, made with mode 0600 where it is not there, and brings its schema up to date. */
  constructor(file: string) {
    const isNew = !existsSync(file);
    try {
      this.#db = new DatabaseSync(file);
      if (isNew) chmodSync(file, 0o600);
      this.#db.exec(
        'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;',
      );
      this.#statements = new Statements(this.#db, file);
      this.#migrate(file);
    } catch (error) {
      if (error instanceof DepotError) throw error;
      const trouble = diskTrouble(file, error);
      if (trouble !== undefined) throw trouble;
      const why = `${file} cannot be used as depot's database: ${messageOf(error)}`;
      throw new DepotError('unusable-home', `${why}. Put a backup in its place, or move it away to start anew.`, {
        cause: error,
      });
    }
  }

  /** Another process has written: reads everything anew. */
  refresh(): void {
    this.#userCache.clear();
    this.#localNames = undefined;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #migrate(file: string): void {
    const version = Number(this.#db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > MIGRATIONS.length) {
      this.#db.close();
      throw new DepotError(
        'unusable-home',
        `${file} was written by a newer depot (schema ${version}, this one knows ${MIGRATIONS.length}). Use that version.`,
      );
    }
    MIGRATIONS.slice(version).forEach((step, index) => {
      this.#statements.transaction(() => this.#db.exec(`${step} PRAGMA user_version = ${version + index + 1};`));
    });
  }

  /** Nobody was ever added or invited. */
  isEmpty(): boolean {
    const [users, locals, invitations] = ['users', 'locals', 'invitations'].map((table) =>
      this.#statements.prepared(`SELECT 1 FROM ${table} LIMIT 1`).get(),
    );
    return users === undefined && locals === undefined && invitations === undefined;
  }

  // Users.

  get userCount(): number {
    return Number(this.#statements.prepared('SELECT count(*) AS users FROM users').get()?.['users']);
  }

  users(): StoredUser[] {
    return this.#statements
      .prepared('SELECT * FROM users ORDER BY name')
      .all()
      .map((row) => this.#user(row));
  }

  user(name: string): StoredUser | undefined {
    const cached = this.#userCache.get(name);
    if (cached !== undefined) return cached;
    const row = this.#statements.prepared('SELECT * FROM users WHERE name = ?').get(name);
    if (row === undefined) return undefined;
    const user = this.#user(row);
    this.#userCache.set(name, user);
    return user;
  }

  #user(row: Row): StoredUser {
    const name = String(row['name']);
    const locals = this.#statements
      .prepared('SELECT local FROM user_locals WHERE user = ? ORDER BY position')
      .all(name);
    return {
      name,
      passwordHash: String(row['password_hash']),
      locals: locals.map(({ local }) => String(local)),
      createdAt: Number(row['created_at']),
      limits: UserLimits.parse({ ...NO_LIMITS, ...JSON.parse(String(row['limits'])) }),
    };
  }

  /** Throws `conflict` where the name is taken. */
  addUser({
    name,
    passwordHash,
    locals,
    createdAt,
    limits = NO_LIMITS,
  }: Omit<StoredUser, 'limits'> & { readonly limits?: UserLimits }): void {
    if (this.user(name) !== undefined) {
      throw new DepotError(
        'conflict',
        `There is a user ${name} already. \`depot user passwd ${name}\` gives it a new password.`,
      );
    }
    this.#statements.transaction(() => {
      this.#statements
        .prepared('INSERT INTO users (name, password_hash, created_at, limits) VALUES (?, ?, ?, ?)')
        .run(name, passwordHash, createdAt, JSON.stringify(limits));
      this.#setUserLocals(name, locals);
    });
  }

  #setUserLocals(name: string, locals: readonly string[]): void {
    this.#statements.prepared('DELETE FROM user_locals WHERE user = ?').run(name);
    const insert = this.#statements.prepared('INSERT INTO user_locals (user, position, local) VALUES (?, ?, ?)');
    locals.forEach((local, position) => insert.run(name, position, local));
  }

  /** The user is taken to exist. */
  setUser(name: string, locals: readonly string[], limits: UserLimits): void {
    this.#userCache.delete(name);
    this.#statements.transaction(() => {
      this.#statements.prepared('UPDATE users SET limits = ? WHERE name = ?').run(JSON.stringify(limits), name);
      this.#setUserLocals(name, locals);
    });
  }

  /** False where there is no such user. */
  setPasswordHash(name: string, passwordHash: string): boolean {
    this.#userCache.delete(name);
    return (
      this.#statements.prepared('UPDATE users SET password_hash = ? WHERE name = ?').run(passwordHash, name).changes > 0
    );
  }

  /** Its clients and the invitations for them go with it. False where there is no such user. */
  removeUser(name: string): boolean {
    this.#userCache.delete(name);
    return this.#statements.transaction(() => {
      this.#statements.prepared("DELETE FROM invitations WHERE role = 'client' AND name = ?").run(name);
      return this.#statements.prepared('DELETE FROM users WHERE name = ?').run(name).changes > 0;
    });
  }

  // Usage.

  /** Bytes of a user in a month (`2026-11`). */
  usedBytes(user: string, month: string): number {
    return Number(
      this.#statements.prepared('SELECT bytes FROM usage WHERE user = ? AND month = ?').get(user, month)?.['bytes'] ??
        0,
    );
  }

  /** Adds to what users used in a month. Whoever is no user any more is left out. */
  addUsage(month: string, bytesByUser: ReadonlyMap<string, number>): void {
    const add = this.#statements.prepared(
      `INSERT INTO usage (user, month, bytes) SELECT name, ?, ? FROM users WHERE name = ?
       ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes`,
    );
    this.#statements.transaction(() => {
      for (const [user, bytes] of bytesByUser) add.run(month, bytes, user);
    });
  }

  // Locals.

  locals(): StoredLocal[] {
    return this.#statements.prepared('SELECT * FROM locals ORDER BY name').all().map(localOf);
  }

  /** The names alone. */
  localNames(): ReadonlySet<string> {
    this.#localNames ??= new Set(this.locals().map(({ name }) => name));
    return this.#localNames;
  }

  localByFingerprint(fingerprint: string): StoredLocal | undefined {
    const row = this.#statements.prepared('SELECT * FROM locals WHERE fingerprint = ?').get(fingerprint);
    return row && localOf(row);
  }

  /** Registers a key under a name; whoever had the name, and whatever name the key had, is gone. */
  saveLocal(name: string, fingerprint: string, nowMs: number): void {
    this.#localNames = undefined;
    this.#statements.transaction(() => {
      this.#statements.prepared('DELETE FROM locals WHERE name = ? OR fingerprint = ?').run(name, fingerprint);
      this.#statements.prepared('INSERT INTO locals VALUES (?, ?, ?, ?)').run(name, fingerprint, nowMs, nowMs);
    });
  }

  touchLocal(name: string, nowMs: number): void {
    this.#statements.prepared('UPDATE locals SET last_seen_at = ? WHERE name = ?').run(nowMs, name);
  }

  /** False where there is no such local. */
  removeLocal(name: string): boolean {
    this.#localNames = undefined;
    return this.#statements.prepared('DELETE FROM locals WHERE name = ?').run(name).changes > 0;
  }

  // Clients.

  clients(): StoredClient[] {
    return this.#statements.prepared('SELECT * FROM clients ORDER BY user, device').all().map(clientOf);
  }

  clientByFingerprint(fingerprint: string): StoredClient | undefined {
    const row = this.#statements.prepared('SELECT * FROM clients WHERE fingerprint = ?').get(fingerprint);
    return row && clientOf(row);
  }

  /** Registers a key as a device of a user; whatever device it was before is gone. The name gets a number where it is taken. */
  addClient(user: string, device: string, fingerprint: string, nowMs: number): StoredClient {
    return this.#statements.transaction(() => {
      this.#statements.prepared('DELETE FROM clients WHERE fingerprint = ?').run(fingerprint);
      const isTaken = this.#statements.prepared('SELECT 1 FROM clients WHERE user = ? AND device = ?');
      let free = device;
      for (let number = 2; isTaken.get(user, free) !== undefined; number += 1) free = `${device}-${number}`;
      this.#statements
        .prepared('INSERT INTO clients VALUES (?, ?, ?, ?, ?)')
        .run(user, free, fingerprint, nowMs, nowMs);
      return { user, device: free, fingerprint, joinedAt: nowMs, lastSeenAt: nowMs };
    });
  }

  touchClient({ user, device }: StoredClient, nowMs: number): void {
    this.#statements
      .prepared('UPDATE clients SET last_seen_at = ? WHERE user = ? AND device = ?')
      .run(nowMs, user, device);
  }

  /** False where there is no such client. */
  removeClient(user: string, device: string): boolean {
    return this.#statements.prepared('DELETE FROM clients WHERE user = ? AND device = ?').run(user, device).changes > 0;
  }

  // What the server knows of itself.

  /** Where locals reached the server when it ran last. */
  linkTarget(): { readonly host: string; readonly port: number } | undefined {
    const text = this.fact(LINK_TARGET);
    return text === undefined ? undefined : (JSON.parse(text) as { host: string; port: number });
  }

  setLinkTarget(target: { readonly host: string; readonly port: number }): void {
    this.setFact(LINK_TARGET, JSON.stringify(target));
  }

  /** What was kept under this name. */
  fact(name: string): string | undefined {
    const row = this.#statements.prepared('SELECT value FROM facts WHERE name = ?').get(name);
    return row && String(row['value']);
  }

  setFact(name: string, value: string): void {
    this.#statements.prepared('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)').run(name, value);
  }

  // Invitations.

  /** `name` is the local's, or the user whose client is invited. */
  addInvitation(digest: string, name: string, expiresAt: number, role: InvitedRole = 'local'): void {
    this.#statements.prepared('DELETE FROM invitations WHERE expires_at < ?').run(expiresAt - INVITATION_MEMORY_MS);
    this.#statements
      .prepared('INSERT INTO invitations (digest, name, expires_at, role) VALUES (?, ?, ?, ?)')
      .run(digest, name, expiresAt, role);
  }

  /** Uses an invitation up: it is valid once, and for the role that it was made for. */
  takeInvitation(digest: string, nowMs: number, role: InvitedRole = 'local'): InvitationTaken {
    return this.#statements.transaction(() => {
      const row = this.#statements.prepared('SELECT * FROM invitations WHERE digest = ?').get(digest);
      if (row === undefined) return { kind: 'unknown' };
      if (row['role'] !== role) return { kind: 'for-other-role' };
      if (row['used_at'] !== null) return { kind: 'used' };
      if (Number(row['expires_at']) <= nowMs) return { kind: 'expired' };
      this.#statements.prepared('UPDATE invitations SET used_at = ? WHERE digest = ?').run(nowMs, digest);
      return { kind: 'valid', name: String(row['name']) };
    });
  }
}

const clientOf = (row: Row): StoredClient => ({
  user: String(row['user']),
  device: String(row['device']),
  fingerprint: String(row['fingerprint']),
  joinedAt: Number(row['joined_at']),
  lastSeenAt: Number(row['last_seen_at']),
});

const localOf = (row: Row): StoredLocal => ({
  name: String(row['name']),
  fingerprint: String(row['fingerprint']),
  joinedAt: Number(row['joined_at']),
  lastSeenAt: Number(row['last_seen_at']),
});
