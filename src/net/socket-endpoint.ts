// A plain TCP socket as an Endpoint. Owns its reads: one piece at a time, the next one only when the sink has taken it,
// so memory per stream is bounded, no stream gets more than one piece per turn of the loop, and buffers are reused.

import net from 'node:net';
import { DepotError, errnoOf } from '../errors.ts';
import { MAX_DATA_BYTES } from '../link/frames.ts';
import type { Endpoint, Sink } from './endpoint.ts';
import { FairShare } from './fair-share.ts';
import { allocateWithHeadroom } from './headroom.ts';
import { acceptWithOnread } from './private-reads.ts';

/** Idle and small streams all read into this one buffer; what came is copied out before the callback returns. */
const SCRATCH = Buffer.allocUnsafeSlow(64 * 1024);
/** A stream that fills it twice in a row gets a buffer of its own, and nothing is copied any more. */
const OWN_BUFFER_BYTES = SCRATCH.length;
/** After so many bytes its buffer is a large one. Who has stopped to read at the far end has not taken so much by then. */
const BULK_BYTES = 8 * 1024 * 1024;
const BULK_BUFFER_BYTES = MAX_DATA_BYTES;
/** So many reads below a quarter of the scratch buffer in a row give the own buffer back. */
const SMALL_READS = 32;

/** Up to here Node hands out memory from its pool. */
const POOLED_BYTES = 4 * 1024;

/** In the options of a connection that begins, so that Node sets each of them once. */
const TCP = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const;

/** Makes the socket that reads as `onread` says; undefined leaves the choice of buffers to Node. */
type MakeSocket = (onread: net.OnReadOpts) => net.Socket;

export class SocketEndpoint implements Endpoint {
  readonly socket: net.Socket;
  readonly #share: FairShare;
  #sink: Sink | undefined;
  #ownBuffer: Buffer | undefined;
  #fullReads = 0;
  #smallReads = 0;
  /** How much came last, and in all. */
  #readBytes = 0;
  #totalBytes = 0;
  #resetByUs = false;
  #error: Error | undefined;

  private constructor(make: MakeSocket, share: FairShare) {
    this.#share = share;
    this.socket = make({
      buffer: () => this.#ownBuffer?.subarray(0, this.#share.bytes) ?? SCRATCH,
      callback: (length) => {
        this.#deliver(this.#claim(length));
        return true;
      },
    });
    this.socket.on('end', this.#onEnd);
    this.socket.on('error', (error) => {
      this.#error = error;
    });
    this.socket.on('close', this.#onClose);
  }

  /** A socket that begins to connect. Listen to its `connect` and `error`. */
  static connect(options: net.TcpNetConnectOpts, share = new FairShare()): SocketEndpoint {
    return new SocketEndpoint(
      (onread) => net.connect({ ...options, ...TCP, onread, allowHalfOpen: true }).pause(),
      share,
    );
  }

  /** Takes over a socket from a server with `pauseOnConnect` and `allowHalfOpen`. */
  static accept(accepted: net.Socket, share = new FairShare()): SocketEndpoint {
    const { noDelay, keepAlive, keepAliveInitialDelay } = TCP;
    return new SocketEndpoint(
      (onread) => acceptWithOnread(accepted, onread).setNoDelay(noDelay).setKeepAlive(keepAlive, keepAliveInitialDelay),
      share,
    );
  }

  /** Gives the socket away, paused, with `early` in front of what it has not delivered: TLS begins on it. */
  release(early: Uint8Array): net.Socket {
    this.#sink = undefined;
    const { socket } = this;
    socket.off('end', this.#onEnd).off('close', this.#onClose).pause();
    socket.unshift(early);
    return socket;
  }

  readInto(sink: Sink): void {
    this.#sink = sink;
    if (this.socket.destroyed) this.#closed();
    else this.socket.resume();
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    const last = chunks.length - 1;
    const done = (error?: Error | null): void => {
      if (!error) taken();
    };
    if (last === 0) {
      this.socket.write(chunks[0] as Uint8Array, done);
      return;
    }
    this.socket.cork();
    chunks.forEach((chunk, index) => this.socket.write(chunk, index === last ? done : undefined));
    this.socket.uncork();
  }

  end(flushed?: () => void): void {
    this.socket.end((error?: Error | null) => {
      if (!error) flushed?.();
    });
  }

  reset(_error: DepotError): void {
    this.#resetByUs = true;
    const { socket } = this;
    // While the FIN is on its way to the kernel, libuv refuses to reset, Node does not notice, and the socket is never
    // closed. The FIN was meant, and takes no longer than this turn; so it goes first.
    const finLeaves = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
    if (finLeaves && !socket.destroyed) socket.once('finish', () => socket.resetAndDestroy());
    else socket.resetAndDestroy();
  }

  /** What was read, in memory that stays ours until the sink has taken it. */
  #claim(length: number): Uint8Array {
    this.#totalBytes += length;
    const own = this.#ownBuffer;
    if (own !== undefined) {
      this.#smallReads = length < SCRATCH.length / 4 ? this.#smallReads + 1 : 0;
      if (this.#smallReads > SMALL_READS) this.#ownBuffer = undefined;
      else if (length === own.length && length < BULK_BUFFER_BYTES && this.#totalBytes >= BULK_BYTES)
        this.#ownBuffer = allocateWithHeadroom(BULK_BUFFER_BYTES);
      return own.subarray(0, length);
    }
    this.#fullReads = length === SCRATCH.length ? this.#fullReads + 1 : 0;
    if (this.#fullReads === 2) {
      this.#ownBuffer = allocateWithHeadroom(OWN_BUFFER_BYTES);
      this.#fullReads = 0;
      this.#smallReads = 0;
    }
    if (length < POOLED_BYTES) return Buffer.from(SCRATCH.subarray(0, length));
    const copy = allocateWithHeadroom(length);
    SCRATCH.copy(copy, 0, 0, length);
    return copy;
  }

  #deliver(bytes: Uint8Array): void {
    this.#readBytes = bytes.length;
    this.socket.pause();
    this.#sink?.write([bytes], this.#taken);
  }

  readonly #taken = (): void => this.#share.admit(this.#readBytes, this.socket);

  readonly #onEnd = (): void => this.#sink?.end();
  readonly #onClose = (): void => this.#closed();

  #closed(): void {
    const clean = this.socket.readableEnded && this.socket.writableFinished;
    if (clean || this.#resetByUs) return;
    const errno = errnoOf(this.#error);
    this.#sink?.reset(
      new DepotError('aborted', `the connection ended early${errno === undefined ? '' : ` (${errno})`}`, {
        cause: this.#error,
      }),
    );
  }
}
