// What is fuzzed: a server, a local and a client as processes of their own, and an app behind them that nobody may reach.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import path from 'node:path';
import { App } from '../../support/apps.ts';
import { ask } from '../../support/api.ts';
import { type Printed, startClient, startLocal, startNewServer } from '../../support/cli.ts';
import { tempDir } from '../../support/depot.ts';
import type { Program } from '../../support/programs.ts';
import { openStream } from '../../support/socks-client.ts';
import type { ServerStatus } from '../../../src/watch/status.ts';

/** Short, so that whoever lingers is shown out soon; `link` is what an authenticated connection may be silent. */
export const DEADLINES = { handshakeMs: 2000, linkMs: 8000 } as const;
/** What a port may take beyond its deadline to close, on a busy machine. */
export const GRACE_MS = 6000;
export const APP_SAYS = 'hello from the app';

/** What each of the three is told. */
export const IMPATIENT = [
  '--log-level',
  'warn',
  '--handshake-ms',
  String(DEADLINES.handshakeMs),
  '--dead-after-ms',
  String(DEADLINES.linkMs),
  '--heartbeat-ms',
  String(DEADLINES.linkMs / 4),
] as const;

export class World implements AsyncDisposable {
  readonly printed: Printed;
  readonly webPort: number;
  readonly clientPort: number;
  /** Of the server, the local and the client. */
  readonly homes: readonly string[];
  readonly #programs: readonly Program[];
  readonly #app: App;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    printed: Printed,
    homes: readonly string[],
    programs: readonly [server: Program, local: Program, client: Program],
    app: App,
    stack: AsyncDisposableStack,
  ) {
    const [server, , client] = programs;
    this.printed = printed;
    this.homes = homes;
    this.webPort = Number(/dashboard +http:\/\/[\w.]+:(\d+)/.exec(server.stdout)?.[1]);
    this.clientPort = Number(/listens +[\d.]+:(\d+)/.exec(client.stdout)?.[1]);
    this.#programs = programs;
    this.#app = app;
    this.#stack = stack;
  }

  static async start(): Promise<World> {
    const stack = new AsyncDisposableStack();
    const [home, localHome, clientHome] = [1, 2, 3].map(() => stack.use(tempDir()).path) as [string, string, string];
    const app = stack.use(await App.listen((socket) => socket.end(APP_SAYS)));
    const [server, printed] = await startNewServer(home, ...IMPATIENT);
    stack.use(server);
    const local = stack.use(await startLocal(localHome, printed.link, ...IMPATIENT));
    const socketPath = path.join(home, 'admin.sock');
    const { json } = await ask({ socketPath }, '/api/v1/users/owner/invitations', { method: 'POST' });
    const client = stack.use(await startClient(clientHome, (json as { link: string }).link, ...IMPATIENT));
    return new World(printed, [home, localHome, clientHome], [server, local, client], app, stack);
  }

  socketOf(home: 0 | 1 | 2): string {
    return path.join(this.homes[home] ?? '', 'admin.sock');
  }

  /** The link of a new invitation: for a local of this name, or for a device of the owner. */
  async invite(name?: string): Promise<string> {
    const [route, body] = name === undefined ? ['/users/owner/invitations', {}] : ['/invitations', { name }];
    const { json } = await ask({ socketPath: this.socketOf(0) }, `/api/v1${route}`, { method: 'POST', body });
    return (json as { link: string }).link;
  }

  /** All three live, said nothing that was not foreseen, serve nobody but each other, and work. */
  async check(): Promise<void> {
    for (const program of this.#programs) assertSound(program);
    const { locals, streams, users } = await this.#settled();
    assert.deepEqual(connectedOf(locals), ['home'], 'who is connected');
    assert.deepEqual(streams, [], 'streams that are left');
    assert.equal(users, 1, 'users');
    const ways = [
      { ...this.printed, host: 'home.depot', port: this.#app.port },
      { socksPort: this.clientPort, host: 'home.depot', port: this.#app.port },
    ];
    for (const way of ways) {
      const client = await openStream(way);
      client.end();
      await once(client.resume(), 'end');
    }
  }

  /** What is left once those who were let in have left, or have had the time for it. */
  async #settled(): Promise<ServerStatus> {
    const endMs = performance.now() + GRACE_MS;
    for (;;) {
      const { json } = await ask({ socketPath: this.socketOf(0) }, '/api/v1/status');
      const status = json as ServerStatus;
      const isSettled = connectedOf(status.locals).length === 1 && status.streams.length === 0;
      if (isSettled || performance.now() > endMs) return status;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

const connectedOf = (locals: ServerStatus['locals']): string[] =>
  locals.filter(({ connected }) => connected).map(({ name }) => name);

/** What no program of ours says where all is well. The code `internal` is no sign: one that a peer made up is read so. */
const UNFORESEEN = /.*(?:unforeseen|Unhandled|at .*\.ts:\d+).*/;

/** It lives, and nothing happened in it that was not foreseen. */
export const assertSound = ({ child, stderr }: Program): void => {
  assert.equal(child.exitCode ?? child.signalCode, null, `it ended: ${stderr.slice(-1000)}`);
  const [line] = UNFORESEEN.exec(stderr) ?? [];
  assert.equal(line, undefined);
};
