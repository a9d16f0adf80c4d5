// rathole and wstunnel.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { untilListening } from '../place.ts';
import { bySocks, type Contestant, freePort, program } from './contestant.ts';

/** rathole prints a key pair of base64 lines, each below its heading. */
const ratholeKeys = (): { readonly privateKey: string; readonly publicKey: string } => {
  const { stdout } = spawnSync(program('rathole'), ['--genkey'], { encoding: 'utf8' });
  const [, privateKey = '', publicKey = ''] = /Private Key:\s*(\S+)\s+Public Key:\s*(\S+)/i.exec(stdout) ?? [];
  return { privateKey, publicKey };
};

export const rathole: Contestant = {
  name: 'rathole',
  note: 'it forwards a port and has no SOCKS: microsocks stands behind it on the private side; Noise on the link',
  needs: ['rathole', 'microsocks'],
  version: ['rathole', '--version'],
  far: true,
  usual: false,
  start: async ({ server, local }, directory) => {
    const [port, socksPort, innerPort] = [await freePort(), await freePort(), await freePort()];
    const { privateKey, publicKey } = ratholeKeys();
    const role = (name: string, head: string, service: string, key: string): string => {
      const file = path.join(directory, `${name}.toml`);
      const noise = `[${name}.transport]\ntype = "noise"\n[${name}.transport.noise]\n${key}\n`;
      writeFileSync(
        file,
        `[${name}]\n${head}\ndefault_token = "bench"\n${noise}[${name}.services.socks]\n${service}\n`,
      );
      return file;
    };
    const front = `bind_addr = "${server.address}:${port}"`;
    const listen = `bind_addr = "127.0.0.1:${socksPort}"`;
    const serverFile = role('server', front, listen, `local_private_key = "${privateKey}"`);
    const remote = `remote_addr = "${server.address}:${port}"`;
    const forward = `local_addr = "127.0.0.1:${innerPort}"`;
    const localFile = role('client', remote, forward, `remote_public_key = "${publicKey}"`);
    const started = performance.now();
    const frontProcess = server.spawn(program('rathole'), ['--server', serverFile]);
    await untilListening(server, port, 'rathole server');
    const localStartedAt = performance.now();
    const socks = local.spawn(program('microsocks'), ['-i', '127.0.0.1', '-p', String(innerPort)]);
    const back = local.spawn(program('rathole'), ['--client', localFile]);
    await untilListening(server, socksPort, 'rathole client');
    return {
      reach: bySocks(socksPort),
      processes: { server: frontProcess, local: back, socks },
      startUp: { listeningMs: localStartedAt - started, localStartedAt },
    };
  },
};

export const wstunnel: Contestant = {
  name: 'wstunnel',
  note: 'WebSocket over TLS with its own certificate, -R socks5',
  needs: ['wstunnel'],
  version: ['wstunnel', '--version'],
  far: true,
  usual: false,
  start: async ({ server, local }) => {
    const [port, socksPort] = [await freePort(), await freePort()];
    const url = `wss://${server.address}:${port}`;
    const started = performance.now();
    const front = server.spawn(program('wstunnel'), ['--log-lvl', 'ERROR', 'server', url]);
    await untilListening(server, port, 'wstunnel server');
    const localStartedAt = performance.now();
    const remote = ['-R', `socks5://127.0.0.1:${socksPort}`, url];
    const back = local.spawn(program('wstunnel'), ['--log-lvl', 'ERROR', 'client', ...remote]);
    await untilListening(server, socksPort, 'wstunnel client');
    return {
      reach: bySocks(socksPort),
      processes: { server: front, local: back },
      startUp: { listeningMs: localStartedAt - started, localStartedAt },
    };
  },
};
