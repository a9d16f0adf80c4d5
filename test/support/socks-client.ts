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

/** ATYP ADDR PORT, with the host as an IP address where it is one, else as a name. */
export const addressField = (host: string, port: number): Buffer => {
  const address = net.isIPv4(host)
    ? Buffer.from([1, ...host.split('.').map(Number)])
    : net.isIPv6(host)
      ? Buffer.from([4, ...ipv6Bytes(host)])
      : Buffer.concat([Buffer.from([3, host.length]), Buffer.from(host, 'latin1')]);
  return Buffer.concat([address, Buffer.from([port >> 8, port & 0xff])]);
};

/** VER CMD RSV ATYP DST.ADDR DST.PORT. */
export const request = (host: string, port: number, command = 1): Buffer =>
  Buffer.concat([Buffer.from([5, command, 0]), addressField(host, port)]);

const ipv6Bytes = (host: string): number[] => {
  const [head = '', tail = ''] = host.split('::');
  const groups = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const zeros = Array<string>(8 - groups(head).length - groups(tail).length).fill('0');
  return [...groups(head), ...zeros, ...groups(tail)].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
};

/** Reads ATYP ADDR PORT off the front of `bytes`. Throws on what is none. */
export const parseAddressField = (
  bytes: Buffer,
): { readonly host: string; readonly port: number; readonly length: number } => {
  const type = bytes[0] ?? 0;
  const start = type === 3 ? 2 : 1;
  const length = { 1: 4, 3: bytes[1] ?? 0, 4: 16 }[type];
  if (length === undefined) throw new Error(`address type ${type}`);
  const end = start + length;
  if (bytes.length < end + 2) throw new Error(`half an address: ${bytes.toString('hex')}`);
  return { host: hostText(type, bytes.subarray(start, end)), port: bytes.readUInt16BE(end), length: end + 2 };
};

const hostText = (type: number, bytes: Buffer): string => {
  if (type === 1) return bytes.join('.');
  if (type === 3) return bytes.toString('latin1');
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return new net.SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
};

export interface SocksReply {
  readonly reply: number;
  readonly host: string;
  readonly port: number;
}

/** How much of what came is kept to be shown. */
const SHOWN_BYTES = 40;

/** A TCP connection whose bytes are read as they are asked for. */
export class Wire implements Disposable {
  readonly socket: net.Socket;
  #buffer = Buffer.alloc(0);
  #received = Buffer.alloc(0);
  #over: 'fin' | 'rst' | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      if (this.#received.length <= SHOWN_BYTES) this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('end', () => this.#end('fin'));
    socket.on('error', () => this.#end('rst'));
    socket.on('close', () => this.#end('rst'));
  }

  static async connect(port: number, host = LOOPBACK): Promise<Wire> {
    const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  /** Sends this to a port, and reads until the other side ends in order. */
  static async exchange(port: number, ...texts: readonly string[]): Promise<string> {
    using wire = await Wire.connect(port);
    wire.write(...texts.map((text) => Buffer.from(text, 'latin1')));
    return (await wire.rest()).toString('latin1');
  }

  /** The first bytes that ever came, and how the other side left, for a person to read. */
  get story(): string {
    const bytes = this.#received.subarray(0, SHOWN_BYTES).toString('hex').match(/../g) ?? [];
    const more = this.#received.length > SHOWN_BYTES ? ['…'] : [];
    return [...bytes, ...more, ...(this.#over === undefined ? [] : [this.#over.toUpperCase()])].join(' ') || 'nothing';
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
      throw new Error(
        `${this.#over} after ${this.#buffer.length} of ${length} bytes ${this.#buffer.toString('hex')}`.trimEnd(),
      );
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
    const size = head[3] === 3 ? await this.read(1) : Buffer.alloc(0);
    const length = { 1: 4, 3: size[0], 4: 16 }[head[3] ?? 0];
    if (length === undefined) throw new Error(`a reply with address type ${head[3]}`);
    const field = Buffer.concat([head.subarray(3), size, await this.read(length + 2)]);
    const { host, port } = parseAddressField(field);
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

export interface Target {
  readonly socksPort: number;
  readonly login?: Login;
  readonly host: string;
  readonly port: number;
  /** CMD; CONNECT by default. */
  readonly command?: number;
  /** How the port is reached; default plain TCP. */
  readonly connect?: (port: number) => Promise<net.Socket>;
}

/** Goes through the whole handshake, one message after the other. Reads the reply, whatever it is. */
export const handshake = async (target: Target): Promise<[Wire, SocksReply]> => {
  const { socksPort, login, host, port, command, connect } = target;
  const wire = connect === undefined ? await Wire.connect(socksPort) : new Wire(await connect(socksPort));
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
