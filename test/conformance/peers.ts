// Servers that are started to be compared, each as its users would run it on one machine.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { App } from '../support/apps.ts';
import { startLocal, startNewServer } from '../support/cli.ts';
import { LOOPBACK } from '../support/depot.ts';
import { Program, run } from '../support/programs.ts';
import { Wire } from '../support/socks-client.ts';
import { startSshd } from '../support/sshd.ts';
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

/** Starts a program that says nothing when it is ready, and waits until it listens. */
const startListening = async (
  stack: AsyncDisposableStack,
  port: number,
  command: string,
  args: readonly string[],
): Promise<Program> => {
  const program = stack.use(new Program(command, args));
  const ended = program.finished.then(({ stderr }) => {
    throw new Error(`${command} ended: ${stderr}`);
  });
  for (;;) {
    const wire = await Promise.race([Wire.connect(port).catch(() => undefined), ended]);
    if (wire === undefined) continue;
    wire[Symbol.dispose]();
    ended.catch(() => undefined);
    return program;
  }
};

const depot: Peer = {
  name: 'depot',
  start: async (directory, stack) => {
    const home = (role: string): string => path.join(directory, role);
    const [server, { login, socksPort, link }] = await startNewServer(home('server'));
    stack.use(server);
    const allow = ['198.51.100.0/24', '192.0.2.0/24'].flatMap((network) => ['--allow', network]);
    stack.use(await startLocal(home('local'), link, ...allow));
    return { ...onLoopback(socksPort), login, forbidden: FORBIDDEN };
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
    const program = await startListening(stack, port, 'danted', ['-f', file, '-p', path.join(directory, 'pid')]);
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
    await startListening(stack, port, 'microsocks', args);
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
    await startListening(stack, port, 'ssh', args);
    return onLoopback(port);
  },
};

export const PEERS: readonly Peer[] = [depot, dante, microsocks, sshDynamic];

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
