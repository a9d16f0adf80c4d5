// Tells of changes in a directory, for what follows files: one that is replaced by renaming is another file.

import { type FSWatcher, watch } from 'node:fs';

/**
 * Calls `onChange` for whatever changes there. A machine that cannot watch (it may have no watches left) is no reason to
 * stop: `onFailed` is told why nothing will be noticed.
 */
export const watchDirectory = (
  directory: string,
  onChange: () => void,
  onFailed: (error: unknown) => void,
): FSWatcher | undefined => {
  try {
    return watch(directory, onChange).on('error', onFailed);
  } catch (error) {
    onFailed(error);
    return undefined;
  }
};
