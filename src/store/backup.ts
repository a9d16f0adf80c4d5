// A copy of the server's database, whole and of one moment, taken while a server may be writing to it.

import { closeSync, openSync, rmSync } from 'node:fs';
import path from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { DepotError, errnoOf, messageOf } from '../errors.ts';

/** Writes the database in `from` to `to`, mode 0600. Rejects with `conflict` where that is there, and leaves nothing half done. */
export const backUp = async (from: string, to: string): Promise<void> => {
  try {
    // Made first, so that it is never readable by others.
    closeSync(openSync(to, 'wx', 0o600));
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST')
      throw new DepotError('conflict', `${to} is there already. Choose another file.`, { cause });
    if (errnoOf(cause) === 'ENOENT')
      throw new DepotError('invalid-argument', `There is no directory ${path.dirname(to)}.`, { cause });
    throw new DepotError('invalid-argument', `Cannot write ${to}: ${errnoOf(cause) ?? messageOf(cause)}.`, { cause });
  }
  try {
    using db = new DatabaseSync(from, { readOnly: true });
    await backup(db, to);
  } catch (cause) {
    rmSync(to, { force: true });
    throw new DepotError('unusable-home', `${from} cannot be copied to ${to}: ${messageOf(cause)}.`, { cause });
  }
};
