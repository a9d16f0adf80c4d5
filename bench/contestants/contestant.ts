// Who can be measured: what all contestants have in common, and how their programs are found.

import { type ChildProcess, spawnSync } from 'node:child_process';
import net from 'node:net';
import type { App, Place } from '../place.ts';
import type { Target } from '../socks-client.ts';

export interface Running {
  /** How a client on the public side comes to an app on the private side. */
  readonly reach: (app: App) => Target;
  /** The processes whose time and memory count, by role. */
  readonly processes: Readonly<Record<string, ChildProcess>>;
  /** Where what goes on can be followed. */
  readonly adminSocket?: string;
  /** From the start of the server's process until it listened, and when the local's was started. */
  readonly startUp?: { readonly listeningMs: number; readonly localStartedAt: number };
}

export interface Contestant {
  readonly name: string;
  /** What it does, where that is not the exact same job. */
  readonly note?: string;
  /** Programs that have to be there. */
  readonly needs: readonly string[];
  /** A command that prints its version. */
  readonly version?: readonly [program: string, ...args: string[]];
  /** Not a gateway, but something to read the others by. */
  readonly mark?: true;
  /** It has a link that can be far, and somebody who would use it so. */
  readonly far: boolean;
  /** It carries UDP, too. */
  readonly udp?: true;
  /** Dashboards can watch it. */
  readonly watched?: true;
  /** Takes part where `--only` names nobody. */
  readonly usual: boolean;
  /** Starts it with files of its own in `directory`. `app` is for those that lead to one app only. */
  readonly start: (place: Place, directory: string, app: App) => Promise<Running>;
}

/** A program on the PATH, or by its variable: `DEPOT_BENCH_FRPS=/opt/frp/frps`. */
export const program = (name: string): string =>
  process.env[`DEPOT_BENCH_${name.toUpperCase().replaceAll('-', '_')}`] ?? name;

export const isThere = (name: string): boolean =>
  spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program(name)]).status === 0;

export const versionOf = ({ version }: Contestant): string | undefined => {
  if (version === undefined) return undefined;
  const [name, ...args] = version;
  const { stdout, stderr } = spawnSync(program(name), args, { encoding: 'utf8' });
  return `${stdout}${stderr}`.trim().split('\n')[0];
};

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });

/** By a SOCKS5 port on the public side, without a password. */
export const bySocks =
  (port: number): Running['reach'] =>
  (app) => ({ host: '127.0.0.1', port, socks: { appPort: app.port } });
