// A client inside TLS that keeps to RFC 8446, section 6.1: an end without close_notify is none. Node tells the two apart
// for nobody, so the records are watched on their way: in TLS 1.2 an alert has a type that can be seen from outside.

import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { LOOPBACK } from '../support/depot.ts';

const ALERT = 21;
const HEADER_BYTES = 5;

/** A TCP connection whose incoming TLS records are counted out. */
class WatchedSocket extends Duplex {
  readonly #socket: net.Socket;
  #header = Buffer.alloc(0);
  #payloadLeft = 0;
  sawAlert = false;

  constructor(socket: net.Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on('data', (data: Buffer) => {
      this.#look(data);
      if (!this.push(data)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #look(data: Buffer): void {
    for (let at = 0; at < data.length;) {
      const skipped = Math.min(this.#payloadLeft, data.length - at);
      this.#payloadLeft -= skipped;
      at += skipped;
      const header = data.subarray(at, at + HEADER_BYTES - this.#header.length);
      this.#header = Buffer.concat([this.#header, header]);
      at += header.length;
      if (this.#header.length < HEADER_BYTES) return;
      if (this.#header[0] === ALERT) this.sawAlert = true;
      this.#payloadLeft = this.#header.readUInt16BE(3);
      this.#header = Buffer.alloc(0);
    }
  }
}

export interface StrictConnection {
  readonly socket: tls.TLSSocket;
  /** Whether the other side has said that it is through. */
  readonly isEnd: () => boolean;
}

export const connectStrictly = async (port: number): Promise<StrictConnection> => {
  const raw = net.connect({ host: LOOPBACK, port, allowHalfOpen: true, noDelay: true });
  const watched = new WatchedSocket(raw);
  const socket = tls.connect({ socket: watched, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
  await once(socket, 'secureConnect');
  return { socket, isEnd: () => watched.sawAlert };
};
