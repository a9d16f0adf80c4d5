// A network in between that can be far, cut things small, fall silent and cut off: forwards TCP until it is told otherwise.
// Silent, it says nothing at all, neither an end nor a reset, like a cable that was pulled.

import { once } from 'node:events';
import net from 'node:net';

export interface Nature {
  /** How long a byte is on its way in each direction; default not at all. */
  readonly delayMs?: () => number;
  /** The most that is written at once; default whatever came. */
  readonly sliceBytes?: number;
}

/** More than this is not taken in before it has left. */
const UNDER_WAY_BYTES = 4 * 1024 * 1024;

/** One direction of one connection. */
class Flow {
  readonly #from: net.Socket;
  readonly #to: net.Socket;
  readonly #nature: Nature;
  readonly #resetAfter: { bytes: number | undefined };
  readonly #waiting: (() => void)[] = [];
  #dueMs = 0;
  #underWay = 0;
  #silent = false;

  constructor(from: net.Socket, to: net.Socket, nature: Nature, resetAfter: { bytes: number | undefined }) {
    this.#from = from;
    this.#to = to;
    this.#nature = nature;
    this.#resetAfter = resetAfter;
    from.on('data', (data: Buffer) => this.#arrived(data));
    from.on('end', () => this.#later(() => to.end()));
    from.on('error', () => this.#silent || to.resetAndDestroy());
    to.on('drain', () => this.#mayReadOn());
  }

  fallSilent(): void {
    this.#silent = true;
    this.#from.pause();
  }

  #arrived(data: Buffer): void {
    this.#underWay += data.length;
    if (this.#underWay > UNDER_WAY_BYTES) this.#from.pause();
    this.#later(() => {
      this.#underWay -= data.length;
      this.#pass(data);
      this.#mayReadOn();
    });
  }

  /** In order: nothing overtakes what came before. */
  #later(act: () => void): void {
    const { delayMs } = this.#nature;
    if (delayMs === undefined) {
      if (!this.#silent) act();
      return;
    }
    const now = performance.now();
    this.#dueMs = Math.max(this.#dueMs, now + delayMs());
    // Two timers of one moment may come in any order, so each one does what is first.
    this.#waiting.push(act);
    setTimeout(() => {
      const first = this.#waiting.shift();
      if (!this.#silent) first?.();
    }, this.#dueMs - now);
  }

  #pass(data: Buffer): void {
    const { bytes } = this.#resetAfter;
    if (bytes !== undefined && data.length >= bytes) {
      this.#write(data.subarray(0, bytes));
      for (const socket of [this.#from, this.#to]) socket.resetAndDestroy();
      this.#resetAfter.bytes = undefined;
      return;
    }
    if (bytes !== undefined) this.#resetAfter.bytes = bytes - data.length;
    this.#write(data);
  }

  #write(data: Buffer): void {
    const { sliceBytes = data.length } = this.#nature;
    for (let at = 0; at < data.length && !this.#to.destroyed; at += sliceBytes)
      this.#to.write(data.subarray(at, at + sliceBytes));
    if (this.#to.writableNeedDrain) this.#from.pause();
  }

  #mayReadOn(): void {
    if (!this.#silent && this.#underWay <= UNDER_WAY_BYTES && !this.#to.writableNeedDrain) this.#from.resume();
  }
}

export class TcpRelay implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #nature: Nature;
  readonly #sockets = new Set<net.Socket>();
  readonly #flows = new Set<Flow>();
  readonly #resetAfter: { bytes: number | undefined } = { bytes: undefined };
  #silent = false;

  private constructor(server: net.Server, nature: Nature) {
    this.#server = server;
    this.#nature = nature;
  }

  /** Listens on `from` and forwards to `to`. */
  static async listen(from: net.ListenOptions, to: net.TcpNetConnectOpts, nature: Nature = {}): Promise<TcpRelay> {
    const server = net.createServer({ allowHalfOpen: true });
    const relay = new TcpRelay(server, nature);
    server.on('connection', (near) => relay.#forward(near, to));
    server.listen(from);
    await once(server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Whatever is connected, or connects from now on, hears nothing. */
  fallSilent(): void {
    this.#silent = true;
    for (const flow of this.#flows) flow.fallSilent();
  }

  /** New connections are forwarded again; the old ones stay dead. */
  recover(): void {
    this.#silent = false;
  }

  /** Resets the connection that carries this byte, counted over all of them from now on. */
  resetAfter(bytes: number): void {
    this.#resetAfter.bytes = bytes;
  }

  /** Resets every connection. */
  resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #forward(near: net.Socket, to: net.TcpNetConnectOpts): void {
    this.#keep(near);
    if (this.#silent) return;
    near.setNoDelay(true);
    const far = net.connect({ ...to, allowHalfOpen: true, noDelay: true });
    this.#keep(far);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      const flow = new Flow(one, other, this.#nature, this.#resetAfter);
      this.#flows.add(flow);
      one.on('close', () => this.#flows.delete(flow));
    }
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
