// An app that does not answer: its queue of connections is full, so the system drops every further SYN. It may be
// made to answer later.

import net from 'node:net';
import { LOOPBACK } from './depot.ts';
import { Program } from './programs.ts';

const SOURCE = `
const app = require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
});
app.listen({ port: 0, host: process.argv[1], backlog: 1 }, () => console.log(app.address().port));
`;
/** A loopback that has not answered after so long does not answer at all. */
const UNANSWERED_MS = 300;
const MOST_CONNECTIONS = 32;

export class SilentApp implements AsyncDisposable {
  readonly port: number;
  readonly #program: Program;
  readonly #queue: readonly net.Socket[];

  private constructor(program: Program, port: number, queue: readonly net.Socket[]) {
    this.#program = program;
    this.port = port;
    this.#queue = queue;
  }

  static async start(host: string): Promise<SilentApp> {
    const program = new Program(process.execPath, ['-e', SOURCE, host]);
    const [port] = await program.says(/\d+/);
    program.child.kill('SIGSTOP');
    const queue: net.Socket[] = [];
    const app = new SilentApp(program, Number(port), queue);
    const through = net.isIP(host) === 0 || host === '0.0.0.0' || host === '::' ? LOOPBACK : host;
    while (queue.length < MOST_CONNECTIONS) {
      const socket = net.connect({ host: through, port: app.port });
      queue.push(socket);
      if (!(await answers(socket))) return app;
    }
    await app[Symbol.asyncDispose]();
    throw new Error('the queue of connections never fills up on this machine');
  }

  /** From now on it takes connections, and sends back what comes. */
  answer(): void {
    for (const socket of this.#queue) socket.destroy();
    this.#program.child.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#queue) socket.destroy();
    await this.#program[Symbol.asyncDispose]();
  }
}

const answers = (socket: net.Socket): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), UNANSWERED_MS);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(true);
    });
    socket.on('error', () => undefined);
  });
