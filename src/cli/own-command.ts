// How this very depot is run again, by another program or by hand.

import { realpathSync } from 'node:fs';
import { isSea } from 'node:sea';

/** The program and its first arguments, as absolute paths. A single executable is its own script. */
export const ownCommand = (): string[] => {
  const files = isSea() ? [process.execPath] : [process.execPath, process.argv[1] ?? ''];
  return files.map((file) => realpathSync(file));
};
