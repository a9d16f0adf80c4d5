// Runs a TypeScript file in a network namespace of its own, with routes that no ordinary machine has.
// The namespace is gone with its last process.

import { spawnSync } from 'node:child_process';
import { type Finished, run } from './programs.ts';

const UNSHARE = process.getuid?.() === 0 ? ['--net'] : ['--net', '--user', '--map-root-user'];

/** Why this machine cannot make namespaces, or false where it can: for the `skip` of a test. */
export const noNamespaces = (): string | false =>
  spawnSync('unshare', [...UNSHARE, 'true']).status === 0
    ? false
    : 'this machine does not let its users make network namespaces';

/** What runs the command that follows it in a namespace; each route in the words of `ip route add`. */
export const namespaceCommand = (routes: readonly string[]): readonly string[] => {
  const setUp = ['ip link set lo up', ...routes.map((route) => `ip route add ${route}`)].join(' && ');
  return ['unshare', ...UNSHARE, 'sh', '-c', `${setUp} && exec "$@"`, 'sh'];
};

export const runInNamespace = (routes: readonly string[], file: string, input: string): Promise<Finished> => {
  const [command = '', ...args] = namespaceCommand(routes);
  return run(command, [...args, process.execPath, file], { input });
};
