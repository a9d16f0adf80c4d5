// Marks to read the others by: no proxy at all, two plain hops that copy nothing, one hop of SOCKS.

import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { untilListening } from '../place.ts';
import { bySocks, type Contestant, freePort, program } from './contestant.ts';

export const direct: Contestant = {
  name: 'direct',
  note: 'no proxy at all: what the load generator, the app and the network can do',
  needs: [],
  mark: true,
  far: true,
  udp: true,
  usual: true,
  start: async ({ local }) => ({ reach: ({ port }) => ({ host: local.address, port }), processes: {} }),
};

const hop = (from: string, to: string): string => `global
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
  bind ${from}
  server next ${to}
`;

export const haproxy: Contestant = {
  name: 'haproxy x2',
  note: 'two hops with forced splice, not encrypted, no SOCKS: the mark that a copying relay hardly reaches',
  needs: ['haproxy'],
  mark: true,
  version: ['haproxy', '-v'],
  far: false,
  usual: true,
  start: async ({ server, local }, directory, app) => {
    const [front, middle] = [await freePort(), await freePort()];
    const start = (side: typeof server, file: string, from: string, to: string): ChildProcess => {
      writeFileSync(path.join(directory, file), hop(from, to));
      return side.spawn(program('haproxy'), ['-db', '-f', path.join(directory, file)]);
    };
    const back = `${local.address}:${middle}`;
    const processes = {
      server: start(server, 'front.cfg', `127.0.0.1:${front}`, back),
      local: start(local, 'back.cfg', back, `127.0.0.1:${app.port}`),
    };
    await untilListening(server, front, 'haproxy');
    await untilListening(local, middle, 'haproxy');
    return { reach: () => ({ host: '127.0.0.1', port: front }), processes };
  },
};

const ONE_HOP = { note: 'one hop, not encrypted', mark: true, far: false, usual: false } as const;

export const microsocks: Contestant = {
  name: 'microsocks',
  ...ONE_HOP,
  needs: ['microsocks'],
  start: async ({ server }) => {
    const port = await freePort();
    const child = server.spawn(program('microsocks'), ['-i', '127.0.0.1', '-p', String(port)]);
    await untilListening(server, port, 'microsocks');
    return { reach: bySocks(port), processes: { server: child } };
  },
};

export const dante: Contestant = {
  name: 'dante',
  ...ONE_HOP,
  needs: ['danted'],
  version: ['danted', '-v'],
  start: async ({ server }, directory) => {
    const port = await freePort();
    const rule = (kind: string): string => `${kind} pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }`;
    const listen = [`internal: 127.0.0.1 port = ${port}`, 'external: lo'];
    const config = ['logoutput: /dev/null', ...listen, 'clientmethod: none', 'socksmethod: none'];
    const file = path.join(directory, 'danted.conf');
    writeFileSync(file, `${[...config, rule('client'), rule('socks')].join('\n')}\n`);
    const child = server.spawn(program('danted'), ['-f', file, '-p', path.join(directory, 'pid')]);
    await untilListening(server, port, 'dante');
    return { reach: bySocks(port), processes: { server: child } };
  },
};
