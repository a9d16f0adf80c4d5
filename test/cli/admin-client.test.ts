// What the commands hear of a running role, through the admin socket of its home.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { AdminClient } from '../../src/cli/admin-client.ts';
import { tempDir } from '../support/depot.ts';

test('a role that ends in the middle of its answer is named in a sentence', async () => {
  using home = tempDir();
  const socketPath = path.join(home.path, 'admin.sock');
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('{', () => response.destroy());
  });
  server.listen(socketPath);
  await once(server, 'listening');
  await assert.rejects(new AdminClient(socketPath).status(), { code: 'unusable-home', message: /Cannot speak to/ });
  server.close();
});

test('an event arrives whatever a peer has called itself', async () => {
  using home = tempDir();
  const socketPath = path.join(home.path, 'admin.sock');
  // JSON leaves these as they are, and regular expressions take them for the end of a line.
  const name = 'one\u2028two\u2029three';
  const server = http.createServer((_request, response) =>
    response.end(`event: snapshot\ndata: ${JSON.stringify({ name })}\n\nevent: ready\ndata: {}\n\n`),
  );
  server.listen(socketPath);
  await once(server, 'listening');
  const heard: [string, unknown][] = [];
  await new AdminClient(socketPath).follow(new AbortController().signal, (event, data) => heard.push([event, data]));
  server.close();
  assert.deepEqual(heard, [
    ['snapshot', { name }],
    ['ready', {}],
  ]);
});
