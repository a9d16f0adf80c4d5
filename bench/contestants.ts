// Who is measured: each one starts its processes in a directory of its own and says where its SOCKS port is.
// The link is encrypted for everybody who can, with the settings that users run.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { Target } from './socks-client.ts';

export interface Running {
  readonly target: Target;
  /** The processes whose time and memory count, by role. */
  readonly processes: Readonly<Record<string, ChildProcess>>;
}

export interface Contestant {
  readonly name: string;
  /** What it does, where that is not the exact same job. */
  readonly note?: string;
  /** Programs that have to be there. */
  readonly needs: readonly string[];
  readonly start: (directory: string, appPort: number) => Promise<Running>;
}

/** A program by its variable (`CHISEL=/path`) or on the PATH. */
const program = (name: string): string => process.env[name.toUpperCase()] ?? name;

export const isThere = (name: string): boolean => spawnSync('sh', ['-c', `command -v "${program(name)}"`]).status === 0;

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });

/** Tries until something accepts; gives up with the process's own words. */
export const untilListening = async (port: number, what: string): Promise<void> => {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${what} does not listen on port ${port}`);
};

const run = (command: string, args: readonly string[], directory: string): ChildProcess =>
  spawn(program(command), args, { cwd: directory, stdio: ['ignore', 'ignore', 'ignore'] });

const depotMain = path.join(import.meta.dirname, '..', 'bin', 'depot.cjs');

/** Starts one role of depot and resolves with what it printed once `ready` is in it. */
export const startDepot = (args: readonly string[], ready: RegExp): Promise<{ child: ChildProcess; output: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [depotMain, ...args, '--log-level', 'error'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (ready.test(output)) resolve({ child, output });
    });
    child.once('exit', (code) => reject(new Error(`depot ${args[0]} ended with ${code}`)));
  });

const depot: Contestant = {
  name: 'depot',
  needs: [],
  start: async (directory) => {
    const [socksPort, controlPort] = [await freePort(), await freePort()];
    const ports = ['--host', '127.0.0.1', '--socks-port', String(socksPort), '--control-port', String(controlPort)];
    const server = await startDepot(['server', '--home', path.join(directory, 'server'), ...ports], /curl/);
    const [link] = /depot:\/\/[^']+/.exec(server.output) ?? [''];
    const [, password] = /password\s+(\S+)/.exec(server.output) ?? [];
    const local = await startDepot(['local', '--home', path.join(directory, 'local'), link], /connected to/);
    return {
      target: { socksPort, appPort: 0, user: 'owner', password: password ?? '' },
      processes: { server: server.child, local: local.child },
    };
  },
};

const openssh = (name: string, cipher: string | undefined): Contestant => ({
  name,
  needs: ['sshd', 'ssh', 'ssh-keygen'],
  start: async (directory) => {
    const [port, socksPort] = [await freePort(), await freePort()];
    for (const key of ['host', 'user'])
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(directory, key)]);
    spawnSync('cp', [path.join(directory, 'user.pub'), path.join(directory, 'authorized')]);
    mkdirSync('/run/sshd', { recursive: true });
    const config = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${directory}/host`,
      `AuthorizedKeysFile ${directory}/authorized`,
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      `PidFile ${directory}/pid`,
    ];
    writeFileSync(path.join(directory, 'sshd_config'), `${config.join('\n')}\n`);
    const sshd = spawn('/usr/sbin/sshd', ['-D', '-f', path.join(directory, 'sshd_config')], { stdio: 'ignore' });
    await untilListening(port, 'sshd');
    const options = [
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'ExitOnForwardFailure=yes',
      '-o',
      'LogLevel=ERROR',
    ];
    const cipherOption = cipher === undefined ? [] : ['-c', cipher];
    const args = [
      '-F',
      'none',
      '-i',
      path.join(directory, 'user'),
      '-p',
      String(port),
      ...cipherOption,
      ...options,
      '-N',
      '-R',
      `127.0.0.1:${socksPort}`,
    ];
    const ssh = spawn('ssh', [...args, `${userInfo().username}@127.0.0.1`], { stdio: 'ignore' });
    await untilListening(socksPort, 'ssh -R');
    return { target: { socksPort, appPort: 0 }, processes: { server: sshd, local: ssh } };
  },
});

const microsocks: Contestant = {
  name: 'microsocks',
  note: 'one hop, not encrypted',
  needs: ['microsocks'],
  start: async (directory) => {
    const socksPort = await freePort();
    const child = run('microsocks', ['-i', '127.0.0.1', '-p', String(socksPort)], directory);
    await untilListening(socksPort, 'microsocks');
    return { target: { socksPort, appPort: 0 }, processes: { server: child } };
  },
};

const dante: Contestant = {
  name: 'dante',
  note: 'one hop, not encrypted',
  needs: ['danted'],
  start: async (directory) => {
    const socksPort = await freePort();
    const rule = (kind: string): string => `${kind} pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }`;
    const config = [
      'logoutput: /dev/null',
      `internal: 127.0.0.1 port = ${socksPort}`,
      'external: lo',
      'clientmethod: none',
      'socksmethod: none',
      rule('client'),
      rule('socks'),
    ];
    writeFileSync(path.join(directory, 'danted.conf'), `${config.join('\n')}\n`);
    const child = run(
      'danted',
      ['-f', path.join(directory, 'danted.conf'), '-p', path.join(directory, 'pid')],
      directory,
    );
    await untilListening(socksPort, 'dante');
    return { target: { socksPort, appPort: 0 }, processes: { server: child } };
  },
};

const haproxy: Contestant = {
  name: 'haproxy x2',
  note: 'two hops with forced splice, not encrypted, no SOCKS: the mark that a copying relay hardly reaches',
  needs: ['haproxy'],
  start: async (directory, appPort) => {
    const [front, middle] = [await freePort(), await freePort()];
    const start = (port: number, to: number, file: string): ChildProcess => {
      const config = `global
  maxconn 9200
  maxpipes 200
defaults
  mode tcp
  option splice-request
  option splice-response
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen hop
  bind 127.0.0.1:${port}
  server next 127.0.0.1:${to}
`;
      writeFileSync(path.join(directory, file), config);
      return run('haproxy', ['-db', '-f', path.join(directory, file)], directory);
    };
    const processes = { server: start(front, middle, 'front.cfg'), local: start(middle, appPort, 'back.cfg') };
    await untilListening(front, 'haproxy');
    await untilListening(middle, 'haproxy');
    return { target: { socksPort: undefined, appPort: front }, processes };
  },
};

const chisel: Contestant = {
  name: 'chisel',
  needs: ['chisel'],
  start: async (directory) => {
    const [port, socksPort] = [await freePort(), await freePort()];
    const server = run('chisel', ['server', '--host', '127.0.0.1', '--port', String(port), '--reverse'], directory);
    await untilListening(port, 'chisel');
    const local = run('chisel', ['client', `http://127.0.0.1:${port}`, `R:127.0.0.1:${socksPort}:socks`], directory);
    await untilListening(socksPort, 'chisel');
    return { target: { socksPort, appPort: 0 }, processes: { server, local } };
  },
};

const frp: Contestant = {
  name: 'frp',
  needs: ['frps', 'frpc'],
  start: async (directory) => {
    const [port, socksPort] = [await freePort(), await freePort()];
    writeFileSync(
      path.join(directory, 'frps.toml'),
      `bindAddr = "127.0.0.1"\nproxyBindAddr = "127.0.0.1"\nbindPort = ${port}\n`,
    );
    const proxy = `[[proxies]]\nname = "socks"\ntype = "tcp"\nremotePort = ${socksPort}\n[proxies.plugin]\ntype = "socks5"\n`;
    writeFileSync(path.join(directory, 'frpc.toml'), `serverAddr = "127.0.0.1"\nserverPort = ${port}\n${proxy}`);
    const server = run('frps', ['-c', path.join(directory, 'frps.toml')], directory);
    await untilListening(port, 'frps');
    const local = run('frpc', ['-c', path.join(directory, 'frpc.toml')], directory);
    await untilListening(socksPort, 'frpc');
    return { target: { socksPort, appPort: 0 }, processes: { server, local } };
  },
};

const direct: Contestant = {
  name: 'direct',
  note: 'no proxy at all',
  needs: [],
  start: async (_directory, appPort) => ({ target: { socksPort: undefined, appPort }, processes: {} }),
};

export const CONTESTANTS: readonly Contestant[] = [
  direct,
  depot,
  openssh('ssh -R', undefined),
  openssh('ssh -R aes-gcm', 'aes128-gcm@openssh.com'),
  frp,
  chisel,
  haproxy,
  microsocks,
  dante,
];
