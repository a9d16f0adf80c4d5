// A UDP association (RFC 1928, section 7) as a client holds it, and an app that speaks UDP.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { addressField, parseAddressField, type Wire } from '../support/socks-client.ts';
import { expectReply, type Trial } from './trial.ts';

const UDP_ASSOCIATE = 3;
/** UDP may lose a datagram; after so long it is sent again, and so many times. */
const AGAIN_MS = 500;
const TIMES = 8;
const UNSPECIFIED = new Set(['0.0.0.0', '::']);

export interface Datagram {
  /** FRAG of the header. */
  readonly fragment: number;
  /** Where it comes from, as the header says. */
  readonly host: string;
  readonly port: number;
  readonly payload: Buffer;
}

/** RSV RSV FRAG ATYP DST.ADDR DST.PORT DATA. */
export const datagram = (host: string, port: number, payload: Uint8Array, fragment = 0): Buffer =>
  Buffer.concat([Buffer.from([0, 0, fragment]), addressField(host, port), payload]);

const parse = (bytes: Buffer): Datagram => {
  const { host, port, length } = parseAddressField(bytes.subarray(3));
  return { fragment: bytes[2] ?? 0, host, port, payload: bytes.subarray(3 + length) };
};

const familyOf = (host: string): dgram.SocketType => (net.isIPv6(host) ? 'udp6' : 'udp4');

export class UdpSocket implements AsyncDisposable {
  readonly socket: dgram.Socket;
  readonly received: Buffer[] = [];

  private constructor(socket: dgram.Socket) {
    this.socket = socket;
    socket.on('message', (bytes) => this.received.push(bytes));
    // A port that is closed may be reported as an error; what was not answered is what counts.
    socket.on('error', () => undefined);
  }

  static async bind(host: string): Promise<UdpSocket> {
    const socket = dgram.createSocket(familyOf(host));
    socket.bind(0, host);
    await once(socket, 'listening');
    return new UdpSocket(socket);
  }

  /** An app that sends back each datagram. */
  static async echo(host: string): Promise<UdpSocket> {
    const app = await UdpSocket.bind(host);
    app.socket.on('message', (bytes, from) => app.socket.send(bytes, from.port, from.address));
    return app;
  }

  get port(): number {
    return this.socket.address().port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }
}

/** What the server relays for us as long as its TCP connection stands. */
export class Association {
  readonly wire: Wire;
  readonly client: UdpSocket;
  /** Where the server takes datagrams (BND.ADDR, BND.PORT). */
  readonly relay: { readonly host: string; readonly port: number };

  private constructor(wire: Wire, client: UdpSocket, relay: { readonly host: string; readonly port: number }) {
    this.wire = wire;
    this.client = client;
    this.relay = relay;
  }

  /** `announce` tells the server the port that datagrams will come from. */
  static async open(trial: Trial, announce = false): Promise<Association> {
    const client = trial.use(await UdpSocket.bind(net.isIPv6(trial.subject.host) ? '::' : '0.0.0.0'));
    const [wire, { reply, host, port }] = await trial.askOptional('0.0.0.0', announce ? client.port : 0, UDP_ASSOCIATE);
    expectReply(reply, 0);
    return new Association(wire, client, { host: UNSPECIFIED.has(host) ? trial.subject.host : host, port });
  }

  send(bytes: Uint8Array, from = this.client): void {
    from.socket.send(bytes, this.relay.port, this.relay.host);
  }

  /** Sends again and again until an answer with the same payload is there. */
  async exchange(host: string, port: number, payload: Buffer): Promise<Datagram> {
    for (let time = 0; time < TIMES; time += 1) {
      this.send(datagram(host, port, payload));
      const answer = await this.answer(payload);
      if (answer !== undefined) return answer;
    }
    throw new Error(`no answer to ${TIMES} datagrams of ${payload.length} bytes`);
  }

  /** The answer with this payload, where it comes before it would be sent again. */
  async answer(payload: Uint8Array): Promise<Datagram | undefined> {
    const deadline = AbortSignal.timeout(AGAIN_MS);
    for (;;) {
      const found = this.client.received.map(parse).find((answer) => answer.payload.equals(payload));
      if (found !== undefined || deadline.aborted) return found;
      await Promise.race([once(this.client.socket, 'message', { signal: deadline }), sleep(AGAIN_MS)]).catch(
        () => undefined,
      );
    }
  }
}
