// UDP for tests: apps that answer, and a client of an association that says exactly what it is told. Shares no code with depot's own.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { LOOPBACK } from './depot.ts';
import { handshake, type SocksReply, type Target, type Wire } from './socks-client.ts';

/** A UDP socket whose datagrams wait until they are asked for. */
export class UdpPeer implements AsyncDisposable {
  readonly socket: dgram.Socket;
  readonly #come: { readonly data: Buffer; readonly port: number; readonly host: string }[] = [];
  #wake: () => void = () => undefined;

  private constructor(socket: dgram.Socket) {
    this.socket = socket;
    socket.on('message', (data, { address, port }) => {
      this.#come.push({ data, host: address, port });
      this.#wake();
    });
  }

  static async bind(host: string = LOOPBACK, port = 0): Promise<UdpPeer> {
    const socket = dgram.createSocket({ type: net.isIPv4(host) ? 'udp4' : 'udp6', recvBufferSize: 1 << 20 });
    socket.bind(port, host);
    await once(socket, 'listening');
    return new UdpPeer(socket);
  }

  /** A port that was free a moment ago. */
  static async freePort(): Promise<number> {
    await using peer = await UdpPeer.bind();
    return peer.port;
  }

  get port(): number {
    return this.socket.address().port;
  }

  /** How many have come and were not asked for. */
  get waiting(): number {
    return this.#come.length;
  }

  async next(): Promise<{ readonly data: Buffer; readonly host: string; readonly port: number }> {
    for (;;) {
      const come = this.#come.shift();
      if (come !== undefined) return come;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  send(data: Uint8Array | string, port: number, host: string = LOOPBACK): void {
    this.socket.send(data, port, host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }
}

/** An app that sends back what comes, with its own name in front. */
export const udpEcho = async (name = '', host?: string): Promise<UdpPeer> => {
  const app = await UdpPeer.bind(host);
  app.socket.on('message', (data, { address, port }) =>
    app.send(Buffer.concat([Buffer.from(name), data]), port, address),
  );
  return app;
};

/** RSV FRAG ATYP DST.ADDR DST.PORT DATA. */
export const datagram = (host: string, port: number, data: Uint8Array | string, frag = 0): Buffer => {
  const family = net.isIP(host);
  const address =
    family === 4
      ? Buffer.from([1, ...host.split('.').map(Number)])
      : family === 6
        ? Buffer.from([4, ...ipv6Bytes(host)])
        : Buffer.concat([Buffer.from([3, host.length]), Buffer.from(host, 'latin1')]);
  return Buffer.concat([Buffer.from([0, 0, frag]), address, Buffer.from([port >> 8, port & 0xff]), Buffer.from(data)]);
};

/** Enough for `::1` and its like: at most one group behind the colons. */
const ipv6Bytes = (host: string): number[] => [...Array<number>(15).fill(0), Number.parseInt(host.slice(2), 16)];

export interface Answer {
  readonly host: string;
  readonly port: number;
  readonly data: Buffer;
}

const readAnswer = (bytes: Buffer): Answer => {
  const length = bytes[3] === 1 ? 4 : 16;
  if (bytes.readUIntBE(0, 3) !== 0 || ![1, 4].includes(bytes[3] ?? 0))
    throw new Error(`no datagram of SOCKS: ${bytes.toString('hex')}`);
  const address = bytes.subarray(4, 4 + length);
  const host = length === 4 ? address.join('.') : `::${address[15]?.toString(16)}`;
  return { host, port: bytes.readUInt16BE(4 + length), data: bytes.subarray(6 + length) };
};

/** A client with an association: its TCP connection and its UDP socket. */
export class AssociatedClient implements AsyncDisposable {
  readonly wire: Wire;
  readonly reply: SocksReply;
  readonly udp: UdpPeer;

  private constructor(wire: Wire, reply: SocksReply, udp: UdpPeer) {
    this.wire = wire;
    this.reply = reply;
    this.udp = udp;
  }

  /** `announced` is DST.PORT of the request. */
  static async open(
    to: Pick<Target, 'socksPort' | 'login'>,
    { announce = false }: { readonly announce?: boolean } = {},
  ): Promise<AssociatedClient> {
    const udp = await UdpPeer.bind();
    const [wire, reply] = await handshake({ ...to, host: '0.0.0.0', port: announce ? udp.port : 0, command: 3 });
    return new AssociatedClient(wire, reply, udp);
  }

  send(host: string, port: number, data: Uint8Array | string, frag?: number): void {
    this.udp.send(datagram(host, port, data, frag), this.reply.port);
  }

  async next(): Promise<Answer> {
    return readAnswer((await this.udp.next()).data);
  }

  /** Sends, and reads the answer as text. */
  async ask(host: string, port: number, data: string): Promise<string> {
    this.send(host, port, data);
    return (await this.next()).data.toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.wire[Symbol.dispose]();
    await this.udp[Symbol.asyncDispose]();
  }
}
