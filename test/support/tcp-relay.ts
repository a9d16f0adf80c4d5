// A network in between that can fall silent: forwards TCP until it is told to stop, and then says nothing at all,
// neither an end nor a reset, like a cable that was pulled.

import { once } from 'node:events';
import net from 'node:net';

export class TcpRelay implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #silent = false;

  private constructor(server: net.Server) {
    this.#server = server;
  }

  /** Listens on `from` and forwards to `to`. */
  static async listen(from: net.ListenOptions, to: net.TcpNetConnectOpts): Promise<TcpRelay> {
    const server = net.createServer({ allowHalfOpen: true });
    const relay = new TcpRelay(server);
    server.on('connection', (near) => relay.#forward(near, to));
    server.listen(from);
    await once(server, 'listening');
    return relay;
  }

  /** Whatever is connected, or connects from now on, hears nothing. */
  fallSilent(): void {
    this.#silent = true;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.removeAllListeners('end');
      socket.pause();
    }
  }

  /** New connections are forwarded again; the old ones stay dead. */
  recover(): void {
    this.#silent = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #forward(near: net.Socket, to: net.TcpNetConnectOpts): void {
    this.#keep(near);
    if (this.#silent) return;
    const far = net.connect({ ...to, allowHalfOpen: true });
    this.#keep(far);
    near.pipe(far);
    far.pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => this.#silent || other.resetAndDestroy());
    }
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
