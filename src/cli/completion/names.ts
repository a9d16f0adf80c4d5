// Names that exist, for completions: asked of the role that runs, and of nobody else. Looks at nothing on disk, waits for
// nobody for long, and is silent about whatever goes wrong: somebody is in the middle of a line.

import type { AdminClient } from '../admin-client.ts';
import { askRunning } from '../admin-client.ts';
import { Home } from '../../config/home.ts';
import type { NamesOf } from './suggest.ts';

const LONGEST_MS = 500;

const localNames = async (client: AdminClient): Promise<string[]> => (await client.locals()).map(({ name }) => name);
const clientNames = async (client: AdminClient): Promise<string[]> =>
  (await client.clients()).map(({ user, device }) => `${user}/${device}`);

/** By what stands between the brackets of an option or an argument. */
const ASK: Readonly<Record<string, (client: AdminClient) => Promise<string[]>>> = {
  'user': async (client) => (await client.users()).map(({ name }) => name),
  'local': localNames,
  'names': localNames,
  'user/device': clientNames,
  'id': async (client) => [...(await localNames(client)), ...(await clientNames(client))],
};

/** The home that this command line is about. */
const homeIn = (words: readonly string[], env: NodeJS.ProcessEnv): string => {
  const at = words.lastIndexOf('--home', -2);
  const [, joined] = /^--home=(.+)$/.exec(words.findLast((word) => word.startsWith('--home=')) ?? '') ?? [];
  return (at >= 0 ? words[at + 1] : joined) ?? env['DEPOT_HOME'] ?? Home.default();
};

export const runningNames = (words: readonly string[], env: NodeJS.ProcessEnv): NamesOf => {
  const home = homeIn(words, env);
  return async (kind) => {
    const ask = ASK[kind];
    if (ask === undefined) return [];
    const tooLate = Promise.withResolvers<string[]>();
    const timer = setTimeout(() => tooLate.resolve([]), LONGEST_MS);
    try {
      return await Promise.race([askRunning(home, ask), tooLate.promise]);
    } catch {
      return [];
    } finally {
      clearTimeout(timer);
    }
  };
};
