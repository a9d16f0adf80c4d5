// Whoever knocks at the control port: speaks TLS and frames exactly as a test tells it, or worse.
// Shares no code with depot's own link but how a key becomes a certificate.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import tls from 'node:tls';
import { generatePrivateKey, type Identity, identityOf } from '../../src/net/identity.ts';
import { LOOPBACK } from './depot.ts';

/** TYPE values of the link, as its specification numbers them. */
export const Type = {
  hello: 1,
  welcome: 2,
  goodbye: 3,
  ping: 4,
  pong: 5,
  control: 6,
  open: 16,
  refused: 18,
  data: 19,
} as const;

export interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const jsonOf = ({ payload }: Frame): Record<string, unknown> =>
  JSON.parse(payload.toString()) as Record<string, unknown>;

export const newIdentity = (): Identity => identityOf(generatePrivateKey());

/** The secret of a join link. */
export const invitationOf = (link: string): string => /^depot:\/\/([\w-]+)@/.exec(link)?.[1] ?? '';

export const controlHello = (invitation?: string, versions: readonly number[] = [1]): object => ({
  purpose: 'control',
  versions,
  software: 'a test',
  platform: 'none',
  invitation,
});

export const tunnelHello = (id: string): object => ({ purpose: 'tunnel', id });

export class LinkClient implements Disposable {
  readonly socket: tls.TLSSocket;
  readonly #frames: Frame[] = [];
  readonly #heard: Buffer[] = [];
  #bytes = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** A TLS connection that has shaken hands; without an identity, one that shows no key. */
  static async connect(port: number, identity?: Identity): Promise<LinkClient> {
    const socket = tls.connect({
      host: LOOPBACK,
      port,
      rejectUnauthorized: false,
      ...(identity && { key: identity.privateKey, cert: identity.certificate }),
    });
    const client = new LinkClient(socket);
    await once(socket, 'secureConnect');
    return client;
  }

  /** The other end of a connection that somebody dialed to us. */
  static of(socket: tls.TLSSocket): LinkClient {
    return new LinkClient(socket);
  }

  /** Everything that it was ever sent, byte by byte. */
  get heard(): string {
    return Buffer.concat(this.#heard).toString('latin1');
  }

  send(type: number, stream: number, payload: Uint8Array | object): void {
    const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
    const header = Buffer.alloc(8);
    header.writeUInt32BE(bytes.length);
    header[0] = type;
    header.writeUInt32BE(stream, 4);
    this.socket.write(Buffer.concat([header, bytes]));
  }

  /** The next frame of this type; pings and others on the way are passed over. Rejects where the connection ends before. */
  async next(type: number): Promise<Frame> {
    for (;;) {
      const at = this.#frames.findIndex((frame) => frame.type === type);
      const frame = this.#frames[at];
      if (frame !== undefined) {
        this.#frames.splice(0, at + 1);
        return frame;
      }
      if (this.#closed) throw new Error(`the connection was closed before a frame of type ${type} came`);
      await this.#more();
    }
  }

  /** Resolves when the other side has closed, with the code that it gave, if any. */
  async turnedAway(): Promise<unknown> {
    while (!this.#closed) await this.#more();
    const goodbye = this.#frames.find(({ type }) => type === Type.goodbye);
    return goodbye && jsonOf(goodbye)['code'];
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  #read(chunk: Buffer): void {
    this.#heard.push(chunk);
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 8) {
      const end = 8 + this.#bytes.readUIntBE(1, 3);
      if (this.#bytes.length < end) break;
      const [type, stream] = [this.#bytes.readUInt8(0), this.#bytes.readUInt32BE(4)];
      this.#frames.push({ type, stream, payload: this.#bytes.subarray(8, end) });
      this.#bytes = this.#bytes.subarray(end);
    }
    this.#wake();
  }
}

/** A local, or a device, by hand: its key, the control connection that was welcomed, and the tunnels that a test brings. */
export class LinkSession implements Disposable {
  readonly identity: Identity;
  readonly control: LinkClient;
  readonly tunnels: LinkClient[] = [];
  readonly #port: number;

  private constructor(port: number, identity: Identity, control: LinkClient) {
    this.#port = port;
    this.identity = identity;
    this.control = control;
  }

  /** Says this hello, and is welcomed. */
  static async open(port: number, hello: object, identity = newIdentity()): Promise<LinkSession> {
    const control = await LinkClient.connect(port, identity);
    control.send(Type.hello, 0, hello);
    await control.next(Type.welcome);
    return new LinkSession(port, identity, control);
  }

  /** A local that joins with this link. */
  static join(port: number, link: string, versions?: readonly number[]): Promise<LinkSession> {
    return LinkSession.open(port, controlHello(invitationOf(link), versions));
  }

  /** The ids of the tunnels that it is asked for next. */
  async askedFor(): Promise<readonly string[]> {
    const { type, ids } = jsonOf(await this.control.next(Type.control));
    assert.equal(type, 'tunnels');
    return ids as string[];
  }

  /** A connection that says hello with this id. Whether that is welcome is for the test to see. */
  async bring(id = ''): Promise<LinkClient> {
    const tunnel = await LinkClient.connect(this.#port, this.identity);
    this.tunnels.push(tunnel);
    tunnel.send(Type.hello, 0, tunnelHello(id));
    return tunnel;
  }

  [Symbol.dispose](): void {
    for (const connection of [this.control, ...this.tunnels]) connection[Symbol.dispose]();
  }
}
