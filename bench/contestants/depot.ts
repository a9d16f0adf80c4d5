// depot itself, from the checkout, with its default settings.

import path from 'node:path';
import type { ChildProcess } from 'node:child_process';
import type { Side } from '../place.ts';
import { type Contestant, freePort } from './contestant.ts';

const MAIN = path.join(import.meta.dirname, '..', '..', 'bin', 'depot.cjs');

/** Starts one role and resolves with what it printed once `ready` is in it. */
const startRole = (side: Side, args: readonly string[], ready: RegExp): Promise<readonly [ChildProcess, string]> =>
  new Promise((resolve, reject) => {
    const child = side.spawn(process.execPath, [MAIN, ...args, '--log-level', 'error'], 'pipe');
    let output = '';
    child.stdout?.on('data', (data: Buffer) => {
      output += data.toString();
      if (ready.test(output)) resolve([child, output]);
    });
    child.once('exit', (code) => reject(new Error(`depot ${args[0]} ended with ${code}`)));
  });

export const depot: Contestant = {
  name: 'depot',
  needs: [],
  version: [process.execPath, MAIN, '--version'],
  far: true,
  udp: true,
  watched: true,
  usual: true,
  start: async ({ server, local }, directory) => {
    const [port, controlPort] = [await freePort(), await freePort()];
    const addresses = ['--host', server.address, '--socks-host', '127.0.0.1', '--advertise', server.address];
    const ports = ['--socks-port', String(port), '--control-port', String(controlPort), '--web-disabled'];
    const home = (role: string): string[] => [role, '--home', path.join(directory, role)];
    const started = performance.now();
    const [serverProcess, output] = await startRole(server, [...home('server'), ...addresses, ...ports], /curl/);
    const localStartedAt = performance.now();
    const [link] = /depot:\/\/[^'\s]+/.exec(output) ?? [''];
    const [, password] = /password\s+(\S+)/.exec(output) ?? [];
    if (password === undefined) throw new Error('depot printed no password');
    const [localProcess] = await startRole(local, [...home('local'), link], /connected to/);
    return {
      reach: (app) => ({ host: '127.0.0.1', port, socks: { appPort: app.port, user: 'owner', password } }),
      processes: { server: serverProcess, local: localProcess },
      adminSocket: path.join(directory, 'server', 'admin.sock'),
      startUp: { listeningMs: localStartedAt - started, localStartedAt },
    };
  },
};
