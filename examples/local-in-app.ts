// A local inside an app: a program behind NAT that makes itself reachable, without opening a port to the world.
//   node examples/local-in-app.ts HOME [LINK]     the link once, from `depot invite NAME` on the server

import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { createLocal } from '../src/index.ts';

const [home = '', link] = process.argv.slice(2);

// The app, on its own loopback.
const app = http.createServer((request, response) => {
  response.end(`the app itself answers for ${request.headers.host}\n`);
});
app.listen(0, '127.0.0.1');
await once(app, 'listening');
const { port } = app.address() as net.AddressInfo;

// Nothing else on this machine can be reached through it.
const local = await createLocal({ home, link, allow: [`localhost:${port}`] });
local.events.on('connected', ({ name, server }) => console.log(`reachable as ${name}.depot:${port} through ${server}`));
local.events.on('disconnected', ({ error, retryInMs }) => console.log(`${error.message}; again in ${retryInMs} ms`));
local.events.on('streamEnd', ({ user, bytesDown }) => console.log(`${user} got ${bytesDown} bytes`));

process.once('SIGTERM', () => void local.stop({ drain: true }));
process.once('SIGINT', () => void local.stop());

// Resolves when it was stopped, or when trying again would be of no use: revoked, or a server with another key.
const reason = await local.over;
if (reason.code !== 'stopped') {
  console.error(reason.message);
  process.exitCode = 1;
}
app.close();
