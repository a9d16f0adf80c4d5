// frp, chisel and gost, each with the SOCKS server that it brings, and encrypted as it is by default or as its
// documentation says.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { untilListening } from '../place.ts';
import { bySocks, type Contestant, freePort, program } from './contestant.ts';

export const frp: Contestant = {
  name: 'frp',
  note: 'its defaults: one multiplexed TLS connection, the plugin socks5 in frpc',
  needs: ['frps', 'frpc'],
  version: ['frps', '--version'],
  far: true,
  usual: true,
  start: async ({ server, local }, directory) => {
    const [port, socksPort] = [await freePort(), await freePort()];
    const [serverFile, localFile] = [path.join(directory, 'frps.toml'), path.join(directory, 'frpc.toml')];
    writeFileSync(serverFile, `bindAddr = "${server.address}"\nproxyBindAddr = "127.0.0.1"\nbindPort = ${port}\n`);
    const proxy = `[[proxies]]\nname = "socks"\ntype = "tcp"\nremotePort = ${socksPort}\n[proxies.plugin]\ntype = "socks5"\n`;
    writeFileSync(localFile, `serverAddr = "${server.address}"\nserverPort = ${port}\n${proxy}`);
    const started = performance.now();
    const frps = server.spawn(program('frps'), ['-c', serverFile]);
    await untilListening(server, port, 'frps');
    const localStartedAt = performance.now();
    const frpc = local.spawn(program('frpc'), ['-c', localFile]);
    await untilListening(server, socksPort, 'frpc');
    return {
      reach: bySocks(socksPort),
      processes: { server: frps, local: frpc },
      startUp: { listeningMs: localStartedAt - started, localStartedAt },
    };
  },
};

export const chisel: Contestant = {
  name: 'chisel',
  note: 'its own SSH inside a WebSocket, R:socks',
  needs: ['chisel'],
  version: ['chisel', '--version'],
  far: true,
  usual: false,
  start: async ({ server, local }) => {
    const [port, socksPort] = [await freePort(), await freePort()];
    const started = performance.now();
    const listen = ['server', '--host', server.address, '--port', String(port), '--reverse'];
    const front = server.spawn(program('chisel'), listen);
    await untilListening(server, port, 'chisel server');
    const localStartedAt = performance.now();
    const remote = `R:127.0.0.1:${socksPort}:socks`;
    const back = local.spawn(program('chisel'), ['client', `http://${server.address}:${port}`, remote]);
    await untilListening(server, socksPort, 'chisel client');
    return {
      reach: bySocks(socksPort),
      processes: { server: front, local: back },
      startUp: { listeningMs: localStartedAt - started, localStartedAt },
    };
  },
};

export const gost: Contestant = {
  name: 'gost',
  note: 'relay over TLS; a port of the server forwarded to the socks5 service of the same local process',
  needs: ['gost'],
  version: ['gost', '-V'],
  far: true,
  usual: false,
  start: async ({ server, local }, directory) => {
    const [port, socksPort, innerPort] = [await freePort(), await freePort(), await freePort()];
    const started = performance.now();
    const front = server.spawn(program('gost'), ['-L', `relay+tls://${server.address}:${port}?bind=true`]);
    await untilListening(server, port, 'gost server');
    const localStartedAt = performance.now();
    const file = path.join(directory, 'gost.json');
    writeFileSync(file, JSON.stringify(gostLocal(`${server.address}:${port}`, socksPort, innerPort)));
    const back = local.spawn(program('gost'), ['-C', file]);
    await untilListening(server, socksPort, 'gost client');
    return {
      reach: bySocks(socksPort),
      processes: { server: front, local: back },
      startUp: { listeningMs: localStartedAt - started, localStartedAt },
    };
  },
};

const gostLocal = (serverAddress: string, socksPort: number, innerPort: number): unknown => ({
  services: [
    { name: 'socks', addr: `127.0.0.1:${innerPort}`, handler: { type: 'socks5' }, listener: { type: 'tcp' } },
    {
      name: 'remote',
      addr: `127.0.0.1:${socksPort}`,
      handler: { type: 'rtcp' },
      listener: { type: 'rtcp', chain: 'server' },
      forwarder: { nodes: [{ name: 'socks', addr: `127.0.0.1:${innerPort}` }] },
    },
  ],
  chains: [
    {
      name: 'server',
      hops: [
        {
          name: 'hop',
          nodes: [{ name: 'node', addr: serverAddress, connector: { type: 'relay' }, dialer: { type: 'tls' } }],
        },
      ],
    },
  ],
});
