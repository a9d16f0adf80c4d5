// OpenSSH's `ssh -N -R PORT`: a SOCKS port on the server, whose connections come out beside the client. The same job.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { untilListening } from '../place.ts';
import { bySocks, type Contestant, freePort, program } from './contestant.ts';

const CLIENT_OPTIONS = [
  'StrictHostKeyChecking=no',
  'UserKnownHostsFile=/dev/null',
  'ExitOnForwardFailure=yes',
  'LogLevel=ERROR',
].flatMap((option) => ['-o', option]);

const serverConfig = (directory: string, address: string, port: number): string =>
  [
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${directory}/host`,
    `AuthorizedKeysFile ${directory}/authorized`,
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    `PidFile ${directory}/pid`,
    '',
  ].join('\n');

const absolute = (name: string): string =>
  spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program(name)], { encoding: 'utf8' }).stdout.trim();

export const openssh = (name: string, options: { cipher?: string; far: boolean }): Contestant => ({
  name,
  needs: ['sshd', 'ssh', 'ssh-keygen'],
  version: ['ssh', '-V'],
  far: options.far,
  usual: true,
  start: async ({ server, local }, directory) => {
    const [port, socksPort] = [await freePort(), await freePort()];
    for (const key of ['host', 'user'])
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(directory, key)]);
    spawnSync('cp', [path.join(directory, 'user.pub'), path.join(directory, 'authorized')]);
    mkdirSync('/run/sshd', { recursive: true });
    const config = path.join(directory, 'sshd_config');
    writeFileSync(config, serverConfig(directory, server.address, port));
    const started = performance.now();
    // sshd starts itself again by its own path for each connection.
    const sshd = server.spawn(absolute('sshd'), ['-D', '-f', config]);
    await untilListening(server, port, 'sshd');
    const localStartedAt = performance.now();
    const cipher = options.cipher === undefined ? [] : ['-c', options.cipher];
    const login = ['-F', 'none', '-i', path.join(directory, 'user'), '-p', String(port), ...cipher, ...CLIENT_OPTIONS];
    const target = `${userInfo().username}@${server.address}`;
    const ssh = local.spawn(program('ssh'), [...login, '-N', '-R', `127.0.0.1:${socksPort}`, target]);
    await untilListening(server, socksPort, 'ssh -R');
    return {
      reach: bySocks(socksPort),
      processes: { server: sshd, local: ssh },
      startUp: { listeningMs: localStartedAt - started, localStartedAt },
    };
  },
});
