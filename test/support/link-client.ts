// Whoever knocks at the control port: speaks TLS and frames exactly as a test tells it, or worse.
// Shares no code with depot's own link but how a key becomes a certificate.

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

export class LinkClient implements Disposable {
  readonly socket: tls.TLSSocket;
  readonly #frames: Frame[] = [];
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
