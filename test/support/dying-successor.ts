// Preloaded (`node --import`) into a server and, by its environment, into the process that is to take its place. That one
// kills itself when it comes to the stage that a file names: a message that it hears (`offer`) or says (`arrived!`).

import { existsSync, readFileSync } from 'node:fs';

/** Names the file; without it nobody dies. */
const FILE = process.env['DEPOT_TEST_DIES_AT'] ?? '';

const dieAt = (stage: string): void => {
  if (existsSync(FILE) && readFileSync(FILE, 'utf8') === stage) process.kill(process.pid, 'SIGKILL');
};

const typeOf = (message: unknown): string => {
  const { type, index } = message as { readonly type?: string; readonly index?: number };
  return index === undefined ? String(type) : `${type} ${index}`;
};

/** Calls `first` with what each call is given, and then what was there before. */
const before = (name: 'emit' | 'send', first: (...args: readonly unknown[]) => void): void => {
  const original = process[name] as (...args: readonly unknown[]) => boolean;
  const replaced = (...args: readonly unknown[]): boolean => {
    first(...args);
    return original.apply(process, [...args]);
  };
  Object.assign(process, { [name]: replaced });
};

if (process.env['DEPOT_PREDECESSOR'] !== undefined) {
  before('emit', (event, message) => {
    if (event === 'message') dieAt(typeOf(message));
  });
  before('send', (message) => dieAt(`${typeOf(message)}!`));
}
