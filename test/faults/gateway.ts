// A server and its locals as processes of their own, to be killed, stopped, cut off and started again.

import path from 'node:path';
import { readdirSync } from 'node:fs';
import { BIN, parseFirstStart, type Printed } from '../support/cli.ts';
import { ask } from '../support/api.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { Program } from '../support/programs.ts';
import { handshake, type Target } from '../support/socks-client.ts';
import type { ServerStatus } from '../../src/watch/status.ts';
import type { Stage } from './fault.ts';

/** What stands before a command that runs somewhere else: in a namespace, under a limit. */
type Through = readonly string[];

export interface GatewayOptions {
  readonly stage: Stage;
  /** Where the server listens, to locals and clients alike; default the loopback. */
  readonly host?: string;
  readonly serverThrough?: Through;
  readonly localThrough?: Through;
  readonly serverArguments?: readonly string[];
}

/** What is a tenth in the short form. */
const TIMERS = { '--handshake-ms': 10_000, '--heartbeat-ms': 10_000, '--dead-after-ms': 24_000 } as const;

export class Gateway implements AsyncDisposable {
  readonly home: string;
  readonly #options: GatewayOptions;
  readonly #stack = new AsyncDisposableStack();
  readonly #locals = new Map<string, { readonly home: string; program: Program }>();
  #server: Program | undefined;
  #printed: Printed | undefined;

  private constructor(options: GatewayOptions) {
    this.#options = options;
    this.home = this.#stack.use(tempDir()).path;
  }

  /** A server without a local. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options);
    try {
      const { program } = await gateway.#startServer('0', '0');
      await program.says(/curl .*\n/);
      gateway.#printed = parseFirstStart(program.stdout);
      return gateway;
    } catch (error) {
      await gateway[Symbol.asyncDispose]();
      throw error;
    }
  }

  get printed(): Printed {
    if (this.#printed === undefined) throw new Error('the server has not started');
    return this.#printed;
  }

  get server(): Program {
    if (this.#server === undefined) throw new Error('the server does not run');
    return this.#server;
  }

  local(name = 'home'): Program {
    const local = this.#locals.get(name);
    if (local === undefined) throw new Error(`there is no local ${name}`);
    return local.program;
  }

  /** The home of a local. */
  homeOf(name = 'home'): string {
    return this.#locals.get(name)?.home ?? '';
  }

  /** On the ports that it had. Resolves when it listens. */
  async restartServer(): Promise<void> {
    const { socksPort, controlPort } = this.printed;
    await this.#startServer(String(socksPort), String(controlPort));
  }

  /** Joins a local, by way of another port of the same host where `port` says so. Resolves when it is connected. */
  async join(name = 'home', port?: number): Promise<Program> {
    const link = name === 'home' ? this.printed.link : await this.#invite(name);
    const home = this.#stack.use(tempDir()).path;
    const way = port === undefined ? link : link.replace(/:\d+\//, `:${port}/`);
    return this.#startLocal(name, home, way);
  }

  /** The local as it was, after it was killed. */
  restartLocal(name = 'home'): Promise<Program> {
    return this.#startLocal(name, this.#locals.get(name)?.home ?? '', undefined);
  }

  target(port: number, local = 'home'): Target {
    const { socksPort, login } = this.printed;
    return { socksPort, login, host: `${local}.depot`, port };
  }

  /** The reply to a request for this port, and how long it took. */
  async ask(port: number, local = 'home'): Promise<{ readonly reply: number; readonly tookMs: number }> {
    const startedMs = performance.now();
    const [wire, { reply }] = await handshake(this.target(port, local));
    wire[Symbol.dispose]();
    return { reply, tookMs: performance.now() - startedMs };
  }

  /** Whether a request for this port succeeds now. */
  works(port: number, local = 'home'): Promise<boolean> {
    return this.ask(port, local).then(
      ({ reply }) => reply === 0,
      () => false,
    );
  }

  async status(): Promise<ServerStatus> {
    const socketPath = path.join(this.home, 'admin.sock');
    return (await ask({ socketPath }, '/api/v1/status')).json as ServerStatus;
  }

  async isConnected(name = 'home'): Promise<boolean> {
    const { locals } = await this.status();
    return locals.some((local) => local.name === name && local.connected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { program } of this.#locals.values()) await program[Symbol.asyncDispose]();
    await this.#server?.[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }

  get #timers(): string[] {
    const { stage } = this.#options;
    return Object.entries(TIMERS).flatMap(([flag, ms]) => [flag, String(Math.round(stage.time(ms)))]);
  }

  async #startServer(socksPort: string, controlPort: string): Promise<{ readonly program: Program }> {
    const { host = LOOPBACK, serverThrough = [], serverArguments = [] } = this.#options;
    const where = ['--host', host, '--socks-host', LOOPBACK, '--advertise', host];
    const ports = ['--socks-port', socksPort, '--control-port', controlPort, '--web-port', '0'];
    const args = ['server', '--home', this.home, ...where, ...ports, ...this.#timers, '--log-level', 'error'];
    const program = runThrough(serverThrough, [...args, ...serverArguments]);
    this.#server = program;
    await program.says(/fingerprint +\S+\n/);
    return { program };
  }

  async #startLocal(name: string, home: string, link: string | undefined): Promise<Program> {
    const { localThrough = [] } = this.#options;
    const args = ['local', ...(link === undefined ? [] : ['-']), '--home', home, ...this.#timers];
    const program = runThrough(localThrough, args);
    this.#locals.set(name, { home, program });
    program.child.stdin.end(link);
    await program.says(/connected to .* as \w+/);
    return program;
  }

  async #invite(name: string): Promise<string> {
    await using program = runThrough([], ['invite', name, '--home', this.home]);
    return (await program.finished).stdout.trim();
  }
}

const runThrough = (through: Through, args: readonly string[]): Program => {
  const [command = '', ...rest] = [...through, process.execPath, BIN, ...args];
  return new Program(command, rest);
};

/** How many files a process has open. */
export const descriptorsOf = ({ pid }: Program): number => readdirSync(`/proc/${pid}/fd`).length;
