// Apps for tests to reach: plain TCP servers on loopback, on a port of the system's choosing, gone at the end of the scope.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { LOOPBACK } from './depot.ts';

export class App implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(server: net.Server) {
    this.#server = server;
  }

  /** Listens and hands every connection to `serve`. Half-open sockets are allowed; errors are the test's to look at. */
  static async listen(serve: (socket: net.Socket) => void, host = LOOPBACK): Promise<App> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true });
    const app = new App(server);
    server.on('connection', (socket) => {
      app.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => app.#sockets.delete(socket));
      serve(socket);
    });
    server.listen(0, host);
    await once(server, 'listening');
    return app;
  }

  /** Sends back what comes, and ends when the client has. */
  static echo(host?: string): Promise<App> {
    return App.listen((socket) => socket.pipe(socket), host);
  }

  /** A port of loopback where nobody listens: it was free a moment ago. */
  static async closedPort(): Promise<number> {
    await using app = await App.echo();
    return app.port;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** The next connection. */
  async connection(): Promise<net.Socket> {
    const [socket] = (await once(this.#server, 'connection')) as [net.Socket];
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Everything that comes until the other side ends. Rejects when it aborts. */
export const collect = async (socket: net.Socket): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  await once(socket, 'end');
  return Buffer.concat(chunks);
};

/** How the other side of a socket left: in order, or with an abort. Reads and drops what comes. */
export const ending = (socket: net.Socket): Promise<'fin' | 'rst'> =>
  new Promise((resolve) => {
    socket.once('end', () => resolve('fin'));
    socket.once('error', () => resolve('rst'));
    socket.resume();
  });

/** Sends this to an app that sends back what comes, and waits for just that. */
export const echoed = async (socket: net.Socket, text: string): Promise<void> => {
  socket.resume().write(text);
  const [data] = (await once(socket, 'data')) as [Buffer];
  assert.equal(data.toString(), text);
};
