// What was: the streams that ended, and what each user and local has used. A database of its own, so that nothing that
// happens to it touches users and locals: it never waits for the disk, and one that cannot be read is started anew.

import { chmodSync, rmSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';

/** A stream that is over. */
export interface PastStream {
  /** Counts on over restarts. */
  readonly seq: number;
  /** Its number in the process that carried it. */
  readonly id: number;
  readonly user: string | undefined;
  /** The client's IP address. */
  readonly from: string;
  readonly target: { readonly host: string; readonly port: number };
  readonly local: string | undefined;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly connectMs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** REP of RFC 1928. */
  readonly reply: number;
  /** Why it failed or was aborted; undefined where it ended in order. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

export type UsageKind = 'user' | 'local';

/** What one user or local has used, ever. */
interface Usage {
  readonly streams: number;
  readonly failures: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Milliseconds since 1970; 0 for never. */
  readonly lastAt: number;
}

export interface UsageRow extends Usage {
  readonly kind: UsageKind;
  readonly name: string;
}

/** Another form of the tables gets another number; what an older one wrote is dropped. */
const FORM = 1;

const TABLES = `
  CREATE TABLE streams (
    seq INTEGER PRIMARY KEY, id INTEGER NOT NULL, user TEXT, client TEXT NOT NULL, host TEXT NOT NULL,
    port INTEGER NOT NULL, local TEXT, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, connect_ms REAL NOT NULL,
    bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL, reply INTEGER NOT NULL, code TEXT, message TEXT
  ) STRICT;
  CREATE TABLE usage (
    kind TEXT NOT NULL, name TEXT NOT NULL, streams INTEGER NOT NULL, failures INTEGER NOT NULL,
    bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL, last_at INTEGER NOT NULL, PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${FORM};`;

/** How many of the streams that ended are remembered. */
const REMEMBERED = 10_000;

type Row = Readonly<Record<string, SQLOutputValue>>;

export class HistoryStore implements Disposable {
  readonly #db: DatabaseSync;

  /** Opens `file`, or makes it anew, mode 0600. Throws where neither can be done. */
  constructor(file: string) {
    this.#db = reopen(file) ?? create(file);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  /** The number of the newest stream; 0 where there is none. */
  lastSeq(): number {
    return Number(this.#db.prepare('SELECT max(seq) AS seq FROM streams').get()?.['seq'] ?? 0);
  }

  /** Keeps all of it or, where it throws, nothing. */
  append(streams: readonly PastStream[], usage: readonly UsageRow[]): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const insert = this.#db.prepare('INSERT INTO streams VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
      for (const stream of streams) insert.run(...columnsOf(stream));
      this.#db.prepare('DELETE FROM streams WHERE seq <= (SELECT max(seq) FROM streams) - ?').run(REMEMBERED);
      const replace = this.#db.prepare('INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?)');
      for (const { kind, name, streams: count, failures, bytesUp, bytesDown, lastAt } of usage)
        replace.run(kind, name, count, failures, bytesUp, bytesDown, lastAt);
      this.#db.exec('COMMIT');
    } catch (error) {
      // A full disk may have rolled back by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** The newest streams that ended before number `before`, newest first. */
  recent(before: number, limit: number): PastStream[] {
    return this.#db
      .prepare('SELECT * FROM streams WHERE seq < ? ORDER BY seq DESC LIMIT ?')
      .all(before, limit)
      .map(streamOf);
  }

  usage(): UsageRow[] {
    return this.#db.prepare('SELECT * FROM usage').all().map(usageOf);
  }

  /** Forgets what a user or a local has used. */
  forget(kind: UsageKind, name: string): void {
    this.#db.prepare('DELETE FROM usage WHERE kind = ? AND name = ?').run(kind, name);
  }
}

const open = (file: string): DatabaseSync => {
  const db = new DatabaseSync(file);
  // Off: a write never waits for the disk. A power failure may cost the history, and only that.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA busy_timeout = 100;');
  return db;
};

/** Undefined where the file is damaged or has another form. */
const reopen = (file: string): DatabaseSync | undefined => {
  let db: DatabaseSync | undefined;
  try {
    db = open(file);
    if (db.prepare('PRAGMA user_version').get()?.['user_version'] === FORM) return db;
  } catch {
    // Not a database (any more): as good as none.
  }
  if (db?.isOpen === true) db.close();
  return undefined;
};

const create = (file: string): DatabaseSync => {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  const db = open(file);
  chmodSync(file, 0o600);
  db.exec(TABLES);
  return db;
};

const columnsOf = ({ seq, id, user, from, target, local, startedAt, endedAt, ...rest }: PastStream) =>
  [
    seq,
    id,
    user ?? null,
    from,
    target.host,
    target.port,
    local ?? null,
    startedAt,
    endedAt,
    rest.connectMs,
    rest.bytesUp,
    rest.bytesDown,
    rest.reply,
    rest.error?.code ?? null,
    rest.error?.message ?? null,
  ] as const;

const text = (value: SQLOutputValue | undefined): string | undefined => (value == null ? undefined : String(value));

const streamOf = (row: Row): PastStream => ({
  seq: Number(row['seq']),
  id: Number(row['id']),
  user: text(row['user']),
  from: String(row['client']),
  target: { host: String(row['host']), port: Number(row['port']) },
  local: text(row['local']),
  startedAt: Number(row['started_at']),
  endedAt: Number(row['ended_at']),
  connectMs: Number(row['connect_ms']),
  bytesUp: Number(row['bytes_up']),
  bytesDown: Number(row['bytes_down']),
  reply: Number(row['reply']),
  error: row['code'] === null ? undefined : { code: String(row['code']), message: String(row['message']) },
});

const usageOf = (row: Row): UsageRow => ({
  kind: row['kind'] === 'user' ? 'user' : 'local',
  name: String(row['name']),
  streams: Number(row['streams']),
  failures: Number(row['failures']),
  bytesUp: Number(row['bytes_up']),
  bytesDown: Number(row['bytes_down']),
  lastAt: Number(row['last_at']),
});
