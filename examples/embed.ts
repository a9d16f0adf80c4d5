// depot as a library: a server and a local in one program, and a request through both.
//   node examples/embed.ts

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SocksClient } from 'socks';
import { createLocal, createServer } from '../src/index.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'depot-example-'));

// The app: something that only the private side can reach.
const app = http.createServer((_request, response) => response.end('hello from the inside\n')).listen(0, '127.0.0.1');
await once(app, 'listening');
const { port } = app.address() as net.AddressInfo;

// The public side. Its first start makes a user and an invitation.
const server = await createServer({
  home: path.join(directory, 'server'),
  host: '127.0.0.1',
  socksPort: 0,
  controlPort: 0,
  webDisabled: true,
});
const { user, password, link, local: name } = server.firstStart ?? { user: '', password: '', link: '', local: '' };
server.events.on('streamEnd', ({ target, reply, bytesDown }) => {
  console.log(`stream to ${target.host}:${target.port}: REP ${reply}, ${bytesDown} bytes`);
});

// The private side, on another machine in real life.
const local = await createLocal({ home: path.join(directory, 'local'), link });
await once(local.events, 'connected');

// A client: any SOCKS5 program would do.
const { socket } = await SocksClient.createConnection({
  proxy: { host: '127.0.0.1', port: server.address.socksPort, type: 5, userId: user, password },
  command: 'connect',
  destination: { host: `${name}.depot`, port },
});
socket.end('GET / HTTP/1.0\r\n\r\n');
for await (const data of socket) process.stdout.write(String(data));

await local.stop();
await server.stop();
app.close();
rmSync(directory, { recursive: true });
