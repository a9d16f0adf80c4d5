// A SOCKS5 client that does exactly what a test tells it, byte by byte. Shares no code with depot's own.

import { once } from 'node:events';
import net from 'node:net';
import { LOOPBACK, type Login } from './depot.ts';

/** VER NMETHODS METHODS. */
export const greeting = (...methods: readonly number[]): Buffer => Buffer.from([5, methods.length, ...methods]);

/** VER ULEN UNAME PLEN PASSWD. */
export const credentials = ({ user, password }: Login): Buffer => {
  const [name, secret] = [Buffer.from(user), Buffer.from(password)];
  return Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([secret.length]), secret]);
};

/** VER CMD RSV ATYP DST.ADDR DST.PORT, with the host as a name, or as an IPv4 address where it is one. */
export const request = (host: string, port: number, command = 1): Buffer => {
  const address = net.isIPv4(host)
    ? Buffer.from([1, ...host.split('.').map(Number)])
    : Buffer.concat([Buffer.from([3, host.length]), Buffer.from(host, 'latin1')]);
  return Buffer.concat([Buffer.from([5, command, 0]), address, Buffer.from([port >> 8, port & 0xff])]);
};

export interface SocksReply {
  readonly reply: number;
  readonly host: string;
  readonly port: number;
}

/** A TCP connection whose bytes are read as they are asked for. */
export class Wire implements Disposable {
  readonly socket: net.Socket;
  #buffer = Buffer.alloc(0);
  #over: 'fin' | 'rst' | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake();
    });
    socket.on('end', () => this.#end('fin'));
    socket.on('error', () => this.#end('rst'));
    socket.on('close', () => this.#end('rst'));
  }

  static async connect(port: number): Promise<Wire> {
    const socket = net.connect({ host: LOOPBACK, port, allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  write(...parts: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Writes and says that nothing more will come. */
  finish(...parts: readonly Uint8Array[]): void {
    this.socket.end(Buffer.concat(parts));
  }

  /** Exactly so many bytes. Rejects where the connection ends before. */
  async read(length: number): Promise<Buffer> {
    await this.#until(() => this.#buffer.length >= length);
    if (this.#buffer.length < length) {
      throw new Error(`${this.#over} after ${this.#buffer.length} of ${length} bytes: ${this.#buffer.toString('hex')}`);
    }
    const bytes = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return bytes;
  }

  /** Everything until the other side ends in order. Rejects on an abort. */
  async rest(): Promise<Buffer> {
    const how = await this.ending();
    if (how === 'rst') throw new Error('the connection was aborted');
    return this.#buffer;
  }

  /** How the other side left. */
  async ending(): Promise<'fin' | 'rst'> {
    await this.#until(() => false);
    return this.#over ?? 'rst';
  }

  /** Stops keeping what comes, and hands the socket over; whatever came so far is put back. */
  release(): net.Socket {
    for (const event of ['data', 'end', 'error', 'close']) this.socket.removeAllListeners(event);
    this.socket.on('error', () => undefined);
    this.socket.pause();
    if (this.#buffer.length > 0) this.socket.unshift(this.#buffer);
    return this.socket;
  }

  async readReply(): Promise<SocksReply> {
    const head = await this.read(4);
    if (head[0] !== 5 || head[2] !== 0) throw new Error(`no SOCKS reply: ${head.toString('hex')}`);
    if (head[3] === 3) {
      const name = await this.read((await this.read(1)).readUInt8());
      return { reply: head[1] ?? -1, host: name.toString('latin1'), port: (await this.read(2)).readUInt16BE() };
    }
    const length = { 1: 4, 4: 16 }[head[3] ?? 0];
    if (length === undefined) throw new Error(`a reply with address type ${head[3]}`);
    const address = await this.read(length);
    const port = (await this.read(2)).readUInt16BE();
    const host =
      length === 4 ? address.join('.') : new net.SocketAddress({ address: ipv6Text(address), family: 'ipv6' }).address;
    return { reply: head[1] ?? -1, host, port };
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #end(how: 'fin' | 'rst'): void {
    this.#over ??= how;
    this.#wake();
  }

  async #until(enough: () => boolean): Promise<void> {
    while (!enough() && this.#over === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }
}

const ipv6Text = (bytes: Buffer): string => (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');

export interface Target {
  readonly socksPort: number;
  readonly login?: Login;
  readonly host: string;
  readonly port: number;
  /** CMD; CONNECT by default. */
  readonly command?: number;
}

/** Goes through the whole handshake, one message after the other. Reads the reply, whatever it is. */
export const handshake = async ({ socksPort, login, host, port, command }: Target): Promise<[Wire, SocksReply]> => {
  const wire = await Wire.connect(socksPort);
  try {
    wire.write(greeting(login === undefined ? 0 : 2));
    const [, method] = await wire.read(2);
    if (method !== (login === undefined ? 0 : 2)) throw new Error(`the server chose method ${method}`);
    if (login !== undefined) {
      wire.write(credentials(login));
      const [, status] = await wire.read(2);
      if (status !== 0) throw new Error('wrong user or password');
    }
    wire.write(request(host, port, command));
    return [wire, await wire.readReply()];
  } catch (error) {
    wire[Symbol.dispose]();
    throw error;
  }
};

/** A stream to an app. Throws where the reply is anything but success. */
export const openStream = async (target: Target): Promise<net.Socket> => {
  const [wire, { reply }] = await handshake(target);
  if (reply === 0) return wire.release();
  wire[Symbol.dispose]();
  throw new Error(`REP ${reply} for ${target.host}:${target.port}`);
};
