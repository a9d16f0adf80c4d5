// What the doctor asks this machine, in one place: a test hands in a machine that has what no test machine has, such as
// a full disk, a resolver that does not answer, or another time. Judges nothing.

import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { descriptorLimit } from '../../net/descriptors.ts';
import { type Resolve, resolveHost } from '../../net/dial.ts';

export interface Room {
  readonly bytes: number;
  /** How many more files there may be; undefined where the file system has no such limit. */
  readonly files: number | undefined;
}

export interface Machine {
  readonly nodeVersion: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds since whenever; never set, never back. */
  readonly elapsed: () => number;
  /** How much can be written in a directory. Throws what the system says where nothing can. */
  readonly room: (directory: string) => Room;
  /** How many files a process may open; undefined where nobody can tell. */
  readonly descriptors: () => number | undefined;
  readonly resolve: Resolve;
  /** How long somebody may take to answer, in milliseconds. */
  readonly patienceMs: number;
}

const roomIn = (directory: string): Room => {
  accessSync(directory, constants.W_OK);
  const { bavail, bsize, files, ffree } = statfsSync(directory);
  return { bytes: bavail * bsize, files: files === 0 ? undefined : ffree };
};

export const THIS_MACHINE: Machine = {
  nodeVersion: process.version,
  now: () => Date.now(),
  elapsed: () => performance.now(),
  room: roomIn,
  descriptors: descriptorLimit,
  resolve: resolveHost,
  patienceMs: 5000,
};

/** The directory itself, or the nearest one above it that is there. */
export const nearest = (directory: string): string =>
  existsSync(directory) ? directory : nearest(path.dirname(directory));
