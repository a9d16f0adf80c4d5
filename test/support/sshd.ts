// Debian's sshd on loopback with keys of its own, for whoever runs the tests, and how ssh finds it.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { App } from './apps.ts';
import { LOOPBACK } from './depot.ts';
import { Program, run } from './programs.ts';

export interface Sshd extends AsyncDisposable {
  readonly port: number;
  /** Settings of ssh, each `Name=value`, that lead here and nowhere else. */
  readonly settings: readonly string[];
}

/** Its keys go into `directory`; ssh knows it as `alias`. */
export const startSshd = async (directory: string, alias: string): Promise<Sshd> => {
  const file = (name: string): string => path.join(directory, name);
  for (const name of ['host', 'client']) {
    const { code, stderr } = await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)]);
    if (code !== 0) throw new Error(`ssh-keygen: ${stderr}`);
  }
  writeFileSync(file('authorized'), readFileSync(file('client.pub')));
  writeFileSync(file('known'), `${alias} ${readFileSync(file('host.pub'), 'utf8')}`);
  for (const name of ['authorized', 'host', 'client']) chmodSync(file(name), 0o600);
  // What Debian's service makes for a daemon that root runs.
  if (process.getuid?.() === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd');
  const port = await App.closedPort();
  const settings = [
    `ListenAddress=${LOOPBACK}`,
    `Port=${port}`,
    `HostKey=${file('host')}`,
    `AuthorizedKeysFile=${file('authorized')}`,
    'PidFile=none',
    'StrictModes=no',
    'UsePAM=no',
    'PermitRootLogin=yes',
    'PasswordAuthentication=no',
    'PrintMotd=no',
    'UseDNS=no',
  ].flatMap((setting) => ['-o', setting]);
  const sshd = new Program('/usr/sbin/sshd', ['-D', '-e', '-f', '/dev/null', ...settings]);
  await sshd.says(/Server listening/);
  return {
    port,
    settings: [
      `Port=${port}`,
      `IdentityFile=${file('client')}`,
      `UserKnownHostsFile=${file('known')}`,
      `HostKeyAlias=${alias}`,
      'IdentitiesOnly=yes',
      'BatchMode=yes',
      'LogLevel=ERROR',
      `User=${userInfo().username}`,
    ],
    [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
  };
};
