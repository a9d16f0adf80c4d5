// Servers that are started to be compared, each as its users would run it on one machine.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { App } from '../support/apps.ts';
import { depot as runDepot, type Printed, startClient, startLocal, startNewServer } from '../support/cli.ts';
import { LOOPBACK } from '../support/depot.ts';
import { run } from '../support/programs.ts';
import { startSshd } from '../support/sshd.ts';
import { startListening } from '../support/start-listening.ts';
import type { Subject } from './trial.ts';

export interface Peer {
  readonly name: string;
  /** The Debian package that it comes from; its version is printed. */
  readonly debianPackage?: string;
  /** Starts it with its files in `directory`; what it starts is ended by `stack`. */
  readonly start: (directory: string, stack: AsyncDisposableStack) => Promise<Subject>;
}

/** Networks that have no route where the comparison runs. */
export const ROUTES = ['unreachable 198.51.100.0/24'];
const FORBIDDEN = { host: '203.0.113.1', port: 443 };

const onLoopback = (port: number): Subject => ({
  host: LOOPBACK,
  port,
  appHost: LOOPBACK,
  listenHost: LOOPBACK,
});

/** A server and a local that dials all that the checks ask for, but what is forbidden. */
const startDepot = async (directory: string, stack: AsyncDisposableStack): Promise<Printed> => {
  const home = (role: string): string => path.join(directory, role);
  const [server, printed] = await startNewServer(home('server'));
  stack.use(server);
  const rules = ['198.51.100.0/24', '192.0.2.0/24', `bind:${LOOPBACK}`];
  stack.use(await startLocal(home('local'), printed.link, ...rules.flatMap((rule) => ['--allow', rule])));
  return printed;
};

const depot: Peer = {
  name: 'depot',
  start: async (directory, stack) => {
    const { login, socksPort } = await startDepot(directory, stack);
    return { ...onLoopback(socksPort), login, forbidden: FORBIDDEN };
  },
};

const depotClient: Peer = {
  name: 'depot client',
  start: async (directory, stack) => {
    const { login } = await startDepot(directory, stack);
    const invite = await runDepot(['invite', '--user', login.user, '--home', path.join(directory, 'server')]);
    const client = stack.use(await startClient(path.join(directory, 'client'), invite.stdout.trim()));
    const [, port] = await client.says(/listens +127\.0\.0\.1:(\d+)/);
    return { ...onLoopback(Number(port)), forbidden: FORBIDDEN };
  },
};

const dante: Peer = {
  name: 'dante',
  debianPackage: 'dante-server',
  start: async (directory, stack) => {
    const port = await App.closedPort();
    const rule = (verdict: string, to: string): string => `socks ${verdict} { from: 0/0 to: ${to} }`;
    const config = [
      `internal: ${LOOPBACK} port = ${port}`,
      'external: lo',
      'clientmethod: none',
      'socksmethod: none',
      'client pass { from: 0/0 to: 0/0 }',
      rule('block', '203.0.113.0/24'),
      rule('pass', '0/0'),
    ];
    const file = path.join(directory, 'danted.conf');
    writeFileSync(file, `${config.join('\n')}\n`);
    const program = stack.use(await startListening(port, 'danted', ['-f', file, '-p', path.join(directory, 'pid')]));
    // Its helpers end with it when it is asked to, not when it is killed.
    stack.defer(async () => void (await program.stop('SIGTERM')));
    return { ...onLoopback(port), forbidden: FORBIDDEN };
  },
};

const microsocks: Peer = {
  name: 'microsocks',
  debianPackage: 'microsocks',
  start: async (_directory, stack) => {
    const port = await App.closedPort();
    const login = { user: 'alice', password: 'correct-horse' };
    const args = ['-i', LOOPBACK, '-p', String(port), '-u', login.user, '-P', login.password];
    stack.use(await startListening(port, 'microsocks', args));
    return { ...onLoopback(port), login };
  },
};

const sshDynamic: Peer = {
  name: 'ssh -D',
  debianPackage: 'openssh-client',
  start: async (directory, stack) => {
    const sshd = stack.use(await startSshd(directory, 'peer'));
    const port = await App.closedPort();
    const options = sshd.settings.flatMap((setting) => ['-o', setting]);
    const args = ['-F', 'none', ...options, '-N', '-D', `${LOOPBACK}:${port}`, LOOPBACK];
    stack.use(await startListening(port, 'ssh', args));
    return onLoopback(port);
  },
};

export const PEERS: readonly Peer[] = [depot, depotClient, dante, microsocks, sshDynamic];

/** A directory of its own for the files of a peer. */
export const directoryOf = ({ name }: Peer, parent: string): string => {
  const directory = path.join(parent, name.replaceAll(/\W+/g, '-'));
  mkdirSync(directory, { mode: 0o700 });
  return directory;
};

/** Which version it is; undefined where it is no package of Debian. */
export const versionOf = async ({ debianPackage }: Peer): Promise<string | undefined> => {
  if (debianPackage === undefined) return undefined;
  const { code, stdout } = await run('dpkg-query', ['-W', '-f', '${Version}', debianPackage]);
  // [EPOCH:]VERSION[-REVISION], and what Debian took away from the source.
  return code === 0 ? stdout.replace(/^\d+:/, '').replace(/[-+].*$/, '') : undefined;
};
