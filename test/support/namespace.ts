// Runs a TypeScript file in namespaces of its own, with routes and files that no ordinary machine has.
// They are gone with their last process.

import { spawnSync } from 'node:child_process';
import { type Finished, run } from './programs.ts';

const UNSHARE = ['--net', '--mount', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'])];

/** Why this machine cannot make namespaces, or false where it can: for the `skip` of a test. */
export const noNamespaces = (): string | false =>
  spawnSync('unshare', [...UNSHARE, 'true']).status === 0
    ? false
    : 'this machine does not let its users make network namespaces';

/** What is different in there. */
export interface Differences {
  /** In the words of `ip route add`. */
  readonly routes?: readonly string[];
  /** Which file is seen in place of which. */
  readonly files?: Readonly<Record<string, string>>;
}

/** What runs the command that follows it in namespaces. */
export const namespaceCommand = ({ routes = [], files = {} }: Differences): readonly string[] => {
  const setUp = [
    'ip link set lo up',
    ...routes.map((route) => `ip route add ${route}`),
    ...Object.entries(files).map(([place, file]) => `mount --bind '${file}' '${place}'`),
  ];
  return ['unshare', ...UNSHARE, 'sh', '-c', `${setUp.join(' && ')} && exec "$@"`, 'sh'];
};

export const runInNamespace = (differences: Differences, file: string, input: string): Promise<Finished> => {
  const [command = '', ...args] = namespaceCommand(differences);
  return run(command, [...args, process.execPath, file], { input });
};
