// depot as a user runs it: processes of their own, their output as it would be read.

import path from 'node:path';
import { LOOPBACK, type Login } from './depot.ts';
import { type Finished, Program, run, type RunOptions } from './programs.ts';

export const BIN = path.join(import.meta.dirname, '../../bin/depot.cjs');

/** Compiled once for all of the many short runs; it halves their time and changes nothing else. */
const ENV: NodeJS.ProcessEnv = {
  NODE_COMPILE_CACHE: path.join(import.meta.dirname, '../../node_modules/.cache/depot-tests'),
};

/** Runs one command to its end. */
export const depot = (args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
  run(process.execPath, [BIN, ...args], { ...options, env: { ...ENV, ...options.env } });

/** Starts a command that goes on until it is ended. */
export const start = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Program =>
  new Program(process.execPath, [BIN, ...args], { env: { ...ENV, ...env } });

/** What the first start of a server prints. */
export interface Printed {
  readonly socksPort: number;
  readonly controlPort: number;
  readonly fingerprint: string;
  readonly login: Login;
  readonly joinLine: string;
  readonly link: string;
  readonly curlLine: string;
}

const find = (text: string, pattern: RegExp): string => {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`${pattern} is not in:\n${text}`);
  return found;
};

export const parseFirstStart = (text: string): Printed => ({
  socksPort: Number(find(text, /clients +[\w.]+:(\d+)/)),
  controlPort: Number(find(text, /locals +[\w.]+:(\d+)/)),
  fingerprint: find(text, /fingerprint +([\w-]{43})$/m),
  login: { user: find(text, /user +(\S+)$/m), password: find(text, /password +(\S+)$/m) },
  joinLine: find(text, /^ +(depot local .*)$/m),
  link: find(text, /'(depot:\/\/[^']+)'/),
  curlLine: find(text, /^ +(curl .*)$/m),
});

/** A server in a home, on ports of the system's choosing unless told otherwise. Waits until it listens. */
export const startServer = async (home: string, ...args: readonly string[]): Promise<Program> => {
  // Of a flag that comes twice the last one counts.
  const ports = ['--socks-port', '--control-port', '--web-port'].flatMap((flag) => [flag, '0']);
  const server = start(['server', '--home', home, '--host', LOOPBACK, ...ports, ...args]);
  await server.says(/fingerprint +\S+\n/);
  return server;
};

/** A first start, with everything that it printed. */
export const startNewServer = async (home: string, ...args: readonly string[]): Promise<[Program, Printed]> => {
  const server = await startServer(home, ...args);
  await server.says(/curl .*\n/);
  return [server, parseFirstStart(server.stdout)];
};

/** A client in a home, on a port of the system's choosing. Waits until it is connected. */
export const startClient = async (home: string, link?: string, ...args: readonly string[]): Promise<Program> => {
  const argument = link === undefined ? [] : ['-'];
  const client = start(['client', ...argument, '--home', home, '--port', '0', ...args]);
  client.child.stdin.end(link);
  await client.says(/connected to .* as [\w.@-]+\/[a-z0-9-]+\n/);
  return client;
};

/** A local in a home. Waits until it is connected. The link, if any, goes in where nobody can read along. */
export const startLocal = async (home: string, link?: string, ...args: readonly string[]): Promise<Program> => {
  const local = start(['local', ...(link === undefined ? [] : ['-']), '--home', home, ...args]);
  local.child.stdin.end(link);
  await local.says(/connected to .* as \w+/);
  return local;
};
