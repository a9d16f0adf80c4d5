// Speaks to a running role through the admin socket in its home, or works on a server's home where none runs.

import http from 'node:http';
import { Home } from '../config/home.ts';
import type { Reloaded } from '../config/reloading.ts';
import { DepotError, errnoOf, isErrorCode } from '../errors.ts';
import type { StoredClient, StoredLocal } from '../store/store.ts';
import type {
  Administration,
  Invitation,
  NewUser,
  UserChange,
  UserInfo,
  WebAdministration,
} from '../watch/admin-api.ts';
import type { Upgraded } from '../watch/answers.ts';
import type { CheckQuestion, CheckResult } from '../watch/check.ts';
import type { Status } from '../watch/status.ts';

/** Nobody listens on the socket. */
const NOT_RUNNING = new Set(['ENOENT', 'ECONNREFUSED']);

class NotRunning extends Error {}

export class AdminClient implements Administration {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  status(): Promise<Status> {
    return this.#call('GET', '/status');
  }
  check(question: CheckQuestion): Promise<CheckResult> {
    return this.#call('POST', '/check', question);
  }
  kick(id: string): Promise<void> {
    return this.#call('DELETE', `/sessions/${encodeURIComponent(id)}`);
  }
  reload(): Promise<Reloaded> {
    return this.#call('POST', '/reload');
  }
  upgrade(): Promise<Upgraded> {
    return this.#call('POST', '/upgrade');
  }
  invite(name: string): Promise<Invitation> {
    return this.#call('POST', '/invitations', { name });
  }
  inviteClient(user: string): Promise<Invitation> {
    return this.#call('POST', `/users/${encodeURIComponent(user)}/invitations`);
  }
  /** Without the figures of a running server, for the same is printed while none runs. */
  async users(): Promise<readonly UserInfo[]> {
    const users = await this.#call<readonly (UserInfo & { running: unknown; usage: unknown })[]>('GET', '/users');
    return users.map(({ running: _running, usage: _usage, ...user }) => user);
  }
  addUser(user: NewUser): Promise<{ password: string }> {
    return this.#call('POST', '/users', user);
  }
  user(name: string): Promise<UserInfo> {
    return this.#call('GET', `/users/${encodeURIComponent(name)}`);
  }
  setUser(name: string, change: UserChange): Promise<UserInfo> {
    return this.#call('PATCH', `/users/${encodeURIComponent(name)}`, change);
  }
  setPassword(name: string, password?: string): Promise<{ password: string }> {
    return this.#call('PUT', `/users/${encodeURIComponent(name)}/password`, { password });
  }
  removeUser(name: string): Promise<void> {
    return this.#call('DELETE', `/users/${encodeURIComponent(name)}`);
  }
  setWebPassword(password?: string): Promise<{ password: string }> {
    return this.#call('PUT', '/web/password', { password });
  }
  makeMetricsToken(): Promise<{ token: string }> {
    return this.#call('POST', '/web/metrics-token');
  }
  async locals(): Promise<readonly StoredLocal[]> {
    const locals = await this.#call<readonly StoredLocal[]>('GET', '/locals');
    return locals.map(({ name, fingerprint, joinedAt, lastSeenAt }) => ({ name, fingerprint, joinedAt, lastSeenAt }));
  }
  revokeLocal(name: string): Promise<void> {
    return this.#call('DELETE', `/locals/${encodeURIComponent(name)}`);
  }
  async clients(): Promise<readonly StoredClient[]> {
    const clients = await this.#call<readonly StoredClient[]>('GET', '/clients');
    return clients.map(({ user, device, fingerprint, joinedAt, lastSeenAt }) => ({
      user,
      device,
      fingerprint,
      joinedAt,
      lastSeenAt,
    }));
  }
  revokeClient(user: string, device: string): Promise<void> {
    return this.#call('DELETE', `/clients/${encodeURIComponent(user)}/${encodeURIComponent(device)}`);
  }

  /** Hands over every event until there are no more, or `signal` ends it; then it rejects. */
  async follow(signal: AbortSignal, onEvent: (event: string, data: unknown) => void): Promise<void> {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = http.request({ socketPath: this.#socketPath, path: '/api/v1/events', signal }, resolve);
      request.on('error', (error) => reject(this.#failureOf(error)));
      request.end();
    });
    let text = '';
    for await (const piece of response.setEncoding('utf8')) {
      const blocks = (text + String(piece)).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, event = '', data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? [];
        if (event !== '') onEvent(event, JSON.parse(data));
      }
    }
  }

  #failureOf(error: Error): Error {
    const errno = errnoOf(error);
    if (NOT_RUNNING.has(errno ?? '')) return new NotRunning();
    const message = `Cannot speak to ${this.#socketPath}: ${errno ?? error.message}.`;
    return new DepotError('unusable-home', message, { cause: error });
  }

  /** One request; the server's errors come back as what they were. */
  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const [status, text] = await this.#send(method, `/api/v1${path}`, body);
    const answer = (text === '' ? undefined : JSON.parse(text)) as unknown;
    if (status < 400) return answer as T;
    const { code, message } = answer as { code: string; message: string };
    throw new DepotError(isErrorCode(code) ? code : 'internal', message);
  }

  #send(method: string, path: string, body: unknown): Promise<readonly [number, string]> {
    return new Promise((resolve, reject) => {
      const request = http.request({ socketPath: this.#socketPath, method, path }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', (error) => reject(this.#failureOf(error)));
        response.on('end', () => resolve([response.statusCode ?? 0, Buffer.concat(pieces).toString()]));
      });
      request.on('error', (error) => reject(this.#failureOf(error)));
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

/** Asks the role that runs with this home. Rejects with `not-found` where none does. */
export const askRunning = async <T>(directory: string, ask: (client: AdminClient) => Promise<T>): Promise<T> => {
  const home = Home.at(directory);
  try {
    return await ask(new AdminClient(home.socketFile));
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error;
    throw new DepotError(
      'not-found',
      `No depot runs with the home ${home.directory}. Start one, or name another home with --home DIR.`,
    );
  }
};

/** Administers the web page of the role of this home, as `administer` does a server. */
export const administerWeb = async <T>(
  directory: string,
  work: (administration: WebAdministration) => Promise<T>,
): Promise<T> => {
  const home = Home.at(directory);
  if (home.role === 'server') return administer(directory, work);
  try {
    return await work(new AdminClient(home.socketFile));
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error;
  }
  if (home.role === undefined)
    throw new DepotError(
      'not-found',
      `Nothing of depot lives in ${home.directory}. Start it once, or name another home with --home DIR.`,
    );
  const { webAdministrationOf, webFactsOf } = await import('../uplink/web-facts.ts');
  return work(webAdministrationOf(webFactsOf(Home.open(directory))));
};

/** Administers the server of this home, through its socket while it runs and directly while it does not. */
export const administer = async <T>(
  directory: string,
  work: (administration: Administration) => Promise<T>,
): Promise<T> => {
  const home = Home.at(directory);
  try {
    return await work(new AdminClient(home.socketFile));
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error;
  }
  if (home.role !== 'server') {
    throw new DepotError(
      'not-found',
      `${home.directory} is not the home of a server. Run \`depot server\` once, or name its home with --home DIR.`,
    );
  }
  // Database and all: nothing that a command needs while the server runs.
  const { offlineAdministration, openServerState } = await import('../server/state.ts');
  const state = await openServerState({ home: directory, env: process.env });
  try {
    return await work(offlineAdministration(state));
  } finally {
    state.store[Symbol.dispose]();
  }
};
