// A connector of one's own: the app is a function in this program, and there is no port at all.
//   node examples/connector.ts

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { duplexPair } from 'node:stream';
import { SocksClient } from 'socks';
import { type ConnectApp, createLocal, createServer, DepotError } from '../src/index.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'depot-example-'));
const server = await createServer({
  home: path.join(directory, 'server'),
  host: '127.0.0.1',
  socksPort: 0,
  controlPort: 0,
  webDisabled: true,
});
const { user, password, link, local: name } = server.firstStart ?? { user: '', password: '', link: '', local: '' };

// An HTTP server that listens nowhere.
const app = http.createServer((request, response) => {
  response.end(`${request.url} from inside the program\n`);
});

// Port 80 of this local is the app, port 81 is closed, and everything else is left to dialing and the rules.
const connectApp: ConnectApp = ({ destination }) => {
  if (destination.host !== 'localhost') return undefined;
  if (destination.port === 81) throw new DepotError('connection-refused', 'there is nothing on port 81');
  if (destination.port !== 80) return undefined;
  const [ours, theirs] = duplexPair();
  app.emit('connection', ours);
  return theirs;
};
const local = await createLocal({ home: path.join(directory, 'local'), link, connectApp });
await once(local.events, 'connected');

const proxy = { host: '127.0.0.1', port: server.address.socksPort, type: 5, userId: user, password } as const;
const { socket } = await SocksClient.createConnection({
  proxy,
  command: 'connect',
  destination: { host: `${name}.depot`, port: 80 },
});
socket.end('GET /hello HTTP/1.0\r\n\r\n');
for await (const data of socket) process.stdout.write(String(data));

const refused = SocksClient.createConnection({
  proxy,
  command: 'connect',
  destination: { host: `${name}.depot`, port: 81 },
});
console.log(await refused.catch((error: Error) => error.message));

await local.stop();
await server.stop();
rmSync(directory, { recursive: true });
