// depot demo: server, local and a sample app on loopback, to try in a minute. Leaves nothing behind.

import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { DepotError } from '../errors.ts';
import { DepotLocal } from '../local/local.ts';
import { DepotServer } from '../server/server.ts';
import { VERSION } from '../version.ts';
import { createLog } from './log.ts';
import { ownCommand } from './own-command.ts';
import { print } from './output.ts';
import { untilSignal } from './run.ts';

const HOST = '127.0.0.1';
const SOCKS_PORT = 8864;
const CONTROL_PORT = 8964;
const WEB_PORT = 8888;
const APP_PORT = 8080;

/** The usual port where it is free, else any. */
const freePort = (wanted: number): Promise<number> =>
  new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(0));
    probe.listen(wanted, HOST, () => probe.close(() => resolve(wanted)));
  });

const startApp = async (): Promise<http.Server> => {
  const port = await freePort(APP_PORT);
  const app = http.createServer((request, response) => {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(`Hello from behind the NAT. You asked for ${request.url} on ${request.headers.host}.\n`);
  });
  return new Promise((resolve, reject) => {
    app.once('error', reject);
    app.listen(port, HOST, () => resolve(app));
  });
};

/** As it is typed here. */
const shortened = (file: string): string => {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith('..') ? file : relative;
};

const demo = async (): Promise<number> => {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-demo-'));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rmSync(directory, { recursive: true, force: true }));
  const log = createLog('error');
  const app = cleanup.adopt(await startApp(), (running) => {
    running.close();
    running.closeAllConnections();
  });
  const home = path.join(directory, 'server');
  const [socksPort, controlPort, webPort] = await Promise.all([
    freePort(SOCKS_PORT),
    freePort(CONTROL_PORT),
    freePort(WEB_PORT),
  ]);
  const server = cleanup.use(await DepotServer.start({ home, host: HOST, socksPort, controlPort, webPort, log }));
  const { firstStart } = server;
  if (firstStart === undefined) throw new DepotError('internal', 'the home of the demo is not new');
  const local = cleanup.use(
    await DepotLocal.start({ home: path.join(directory, 'local'), link: firstStart.link, log }),
  );
  await new Promise<void>((resolve, reject) => {
    local.events.once('connected', () => resolve());
    void local.over.then(reject);
  });
  const { port } = app.address() as net.AddressInfo;
  const proxy = `socks5h://${firstStart.user}:${firstStart.password}@${HOST}:${server.address.socksPort}`;
  const self = ownCommand().map(shortened).join(' ');
  print(`depot demo ${VERSION}: a server, a local called ${firstStart.local} and a small web app, all on this machine.

  server   ${HOST}:${server.address.socksPort} for clients, ${HOST}:${server.address.controlPort} for locals
  local    ${firstStart.local}, connected
  app      http://${firstStart.local}.depot:${port}/ (really ${HOST}:${port}, behind the local)
  watch    ${server.web?.url}  password: ${server.web?.password}

Try, in another terminal:

  curl --proxy '${proxy}' http://${firstStart.local}.depot:${port}/
  ${self} status --home ${home}

Ctrl-C ends it and leaves nothing behind.`);
  return await untilSignal({
    stop: async (options) => {
      await local.stop(options);
      await server.stop(options);
    },
  });
};

export const demoCommand = (): Command =>
  new Command('demo')
    .addHelpText('after', '\nExample:\n  depot demo')
    .description(
      'Runs server, local and a small web app on loopback, and prints the lines to try. Everything it makes is temporary.',
    )
    .action(async () => {
      process.exitCode = await demo();
    });
