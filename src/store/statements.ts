// The statements and transactions of a database. What SQLite says of the disk becomes a sentence with what to do about it.
// Knows nothing of what is kept.

import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementResultingChanges } from 'node:sqlite';
import { DepotError, messageOf } from '../errors.ts';

export interface Statement {
  get(...values: SQLInputValue[]): Record<string, SQLOutputValue> | undefined;
  all(...values: SQLInputValue[]): Record<string, SQLOutputValue>[];
  run(...values: SQLInputValue[]): StatementResultingChanges;
}

/** Primary result codes of SQLite that tell of the disk, and what mends each. */
const MEND_BY_RESULT: Readonly<Record<number, string>> = {
  8: 'Look whether the disk is mounted read-only, and whose the file is.',
  10: 'Look whether that disk is full (df) or broken (dmesg).',
  13: 'Make room on that disk.',
};

/** The trouble with the disk in what SQLite threw. A local or a client that joins may read it: it says whose database it is. */
export const diskTrouble = (file: string, error: unknown): DepotError | undefined => {
  const mend = MEND_BY_RESULT[resultOf(error) & 0xff];
  const what = `The server's database ${file} cannot be used: ${messageOf(error)}`;
  return mend === undefined ? undefined : new DepotError('unusable-home', `${what}. ${mend}`, { cause: error });
};

export class Statements {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #prepared = new Map<string, Statement>();

  constructor(db: DatabaseSync, file: string) {
    this.#db = db;
    this.#file = file;
  }

  /** A statement, prepared once. Each of its calls throws `unusable-home` where the disk is at fault. */
  prepared(text: string): Statement {
    const known = this.#prepared.get(text);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(text);
    const told: Statement = {
      get: (...values) => this.#told(() => statement.get(...values)),
      all: (...values) => this.#told(() => statement.all(...values)),
      run: (...values) => this.#told(() => statement.run(...values)),
    };
    this.#prepared.set(text, told);
    return told;
  }

  transaction<T>(work: () => T): T {
    return this.#told(() => {
      this.#db.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#db.exec('COMMIT');
        return result;
      } catch (error) {
        // A full disk may have rolled back by itself; what counts is that it is full.
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  #told<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw diskTrouble(this.#file, error) ?? error;
    }
  }
}

/** An extended result code has the primary one in its low byte. */
const resultOf = (error: unknown): number =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0;
