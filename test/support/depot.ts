// A server and its locals for tests: homes of their own, ports of the system's choosing, all gone at the end of the scope.

import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  createClient,
  createLocal,
  createServer,
  type ClientOptions,
  type DepotClient,
  type DepotLocal,
  type DepotServer,
  type LocalOptions,
  type ServerOptions,
} from '../../src/index.ts';

import type { UserLimits } from '../../src/rules/limits.ts';

export const LOOPBACK = '127.0.0.1';

/** A directory that is gone at the end of the scope. Short: a Unix socket has to fit. */
export const tempDir = (): Disposable & { readonly path: string } => {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-'));
  return { path: directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
};

/** Writes a configuration as an editor does: beside it, then in its place. */
export const writeConfig = (home: string, config: unknown): void => {
  const file = path.join(home, 'config.json');
  writeFileSync(`${file}.draft`, typeof config === 'string' ? config : JSON.stringify(config), { mode: 0o600 });
  renameSync(`${file}.draft`, file);
};

/** Who a client says it is; undefined for somebody who does not say. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

type ServerSettings = Partial<ServerOptions>;
type LocalSettings = Partial<LocalOptions>;

/** A server in this home, on loopback and on ports of the system's choosing unless told otherwise. */
export const serverIn = (home: string, settings: ServerSettings = {}): Promise<DepotServer> =>
  createServer({ home, host: LOOPBACK, socksPort: 0, controlPort: 0, webPort: 0, ...settings });

/** Everything that a test of the whole path needs: a server, its first local, a user. */
export class Depot implements AsyncDisposable {
  readonly server: DepotServer;
  readonly login: Login;
  /** The join link of the first start, for the local called `home`. */
  readonly firstLink: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(server: DepotServer, stack: AsyncDisposableStack) {
    const { firstStart } = server;
    if (firstStart === undefined) throw new Error('a new home has a first start');
    this.server = server;
    this.login = { user: firstStart.user, password: firstStart.password };
    this.firstLink = firstStart.link;
    this.#stack = stack;
  }

  /** A server without locals. */
  static async server(settings: ServerSettings = {}): Promise<Depot> {
    const stack = new AsyncDisposableStack();
    const home = stack.use(tempDir()).path;
    return new Depot(stack.use(await serverIn(home, settings)), stack);
  }

  /** A server, and one local called `home` that is connected. */
  static async pair(server: ServerSettings = {}, local: LocalSettings = {}): Promise<Depot & { local: DepotLocal }> {
    const depot = await Depot.server(server);
    try {
      return Object.assign(depot, { local: await depot.join(depot.firstLink, local) });
    } catch (error) {
      await depot[Symbol.asyncDispose]();
      throw error;
    }
  }

  get socksPort(): number {
    return this.server.address.socksPort;
  }

  /** Starts a local with this link and waits until both sides know that it is connected. */
  async join(link: string, settings: LocalSettings = {}): Promise<DepotLocal> {
    const home = settings.home ?? this.#stack.use(tempDir()).path;
    const up = once(this.server.events, 'localUp');
    const local = this.#stack.use(await createLocal({ ...settings, home, link }));
    await Promise.race([
      Promise.all([up, once(local.events, 'connected')]),
      local.over.then((error) => Promise.reject(error)),
    ]);
    return local;
  }

  /** Invites and joins a local of this name. */
  async addLocal(name: string, settings: LocalSettings = {}): Promise<DepotLocal> {
    const { link } = await this.server.administration.invite(name);
    return this.join(link, settings);
  }

  /** Invites and joins a client of this user, and waits until it is connected. */
  async addClient(user: string, settings: Partial<ClientOptions> = {}): Promise<DepotClient> {
    const { link } = await this.server.administration.inviteClient(user);
    const home = settings.home ?? this.#stack.use(tempDir()).path;
    const client = this.#stack.use(await createClient({ port: 0, link, ...settings, home }));
    await Promise.race([once(client.events, 'connected'), client.over.then((error) => Promise.reject(error))]);
    return client;
  }

  async addUser(name: string, locals: string[] = [], limits: Partial<UserLimits> = {}): Promise<Login> {
    const { password } = await this.server.administration.addUser({ name, locals, ...limits });
    return { user: name, password };
  }

  /** What a client asks the server for, and as whom: its first user, unless told otherwise. */
  target(
    host: string,
    port: number,
    login = this.login,
  ): { socksPort: number; login: Login; host: string; port: number } {
    return { socksPort: this.socksPort, login, host, port };
  }

  /** `http://USER:PASSWORD@HOST:PORT`; inside TLS with `https`. */
  httpProxyUrl(scheme: 'http' | 'https' = 'http'): string {
    const { user, password } = this.login;
    return `${scheme}://${user}:${password}@${LOOPBACK}:${this.socksPort}`;
  }

  /** The header field with which an HTTP proxy knows the first user, with its end of line. */
  get basic(): string {
    const { user, password } = this.login;
    return `Proxy-Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}\r\n`;
  }

  /** `socks5h://USER:PASSWORD@HOST:PORT`, as curl likes it. */
  proxyUrl({ user, password }: Login = this.login): string {
    return `socks5h://${encodeURIComponent(user)}:${password}@${LOOPBACK}:${this.socksPort}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
