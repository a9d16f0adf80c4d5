// A TLS connection that carries frames: control and tunnel connections are both one.
// Owns the socket, its heartbeats and its death; what the frames mean is its sink's business.

import type tls from 'node:tls';
import { DepotError, asDepotError, errnoOf } from '../errors.ts';
import {
  encodeFrame,
  encodeJsonFrame,
  FrameReader,
  type FrameSink,
  FrameType,
  HEADER_BYTES,
  writeHeader,
} from '../link/frames.ts';
import { FairShare } from './fair-share.ts';
import { withHeadroom } from './headroom.ts';
import { readTls } from './private-reads.ts';
import { errorOf, Failure, failureOf, parseMessage } from '../link/messages.ts';

export interface HeartbeatOptions {
  /** How often to ask, in milliseconds. */
  readonly heartbeatMs: number;
  /** How much silence means that the other side is gone, in milliseconds. */
  readonly deadAfterMs: number;
}

/** The payload of a ping: its number, as a float64. */
const PING_BYTES = 8;
/** So many pings follow each other at once: the first answer waits for all that goes on when a connection begins. */
const FIRST_PINGS = 4;
/** Up to here header and payload are copied into one write, and so into one TLS record. */
const COPY_BYTES = 16 * 1024 - HEADER_BYTES;
/** What may wait of frames that no window and no queue holds back; far more than a peer that reads lets pile up. */
const UNREAD_BYTES = 4 * 1024 * 1024;
/** How long a connection may take to close in order. */
const CLOSE_MS = 2000;

const ignore = (): void => undefined;

export class FrameConnection {
  readonly socket: tls.TLSSocket;
  readonly #reader: FrameReader;
  readonly #options: HeartbeatOptions;
  readonly #share: FairShare;
  readonly #closing: PromiseWithResolvers<DepotError> = Promise.withResolvers();
  #sink: FrameSink;
  #error: DepotError | undefined;
  #dismissed = false;
  #lastHeardMs = performance.now();
  #heartbeat: NodeJS.Timeout | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  /** Since it was last our turn. */
  #readBytes = 0;
  #yielding = false;
  #unreadBytes = 0;
  #pongWaits = false;
  #pings = 0;
  #pingAtMs = 0;
  #roundTripMs: number | undefined;
  #shortestMs = Number.POSITIVE_INFINITY;
  #beside: FrameConnection | undefined;

  /** Begins to read at once; frames go to `sink` until `handOver` names another. */
  constructor(socket: tls.TLSSocket, sink: FrameSink, options: HeartbeatOptions, share = new FairShare()) {
    this.socket = socket;
    this.#sink = sink;
    this.#options = options;
    this.#share = share;
    this.#reader = new FrameReader({
      data: (stream, bytes) => {
        if (this.#error === undefined) this.#sink.data(stream, bytes);
      },
      frame: (type, stream, payload) => this.#onFrame(type, stream, payload),
    });
    socket.setNoDelay(true);
    readTls(socket, (bytes) => this.#onData(bytes));
    socket.on('end', () => this.#die(new DepotError('connection-lost', 'the other side closed the connection')));
    socket.on('error', (error) => {
      this.#error ??= new DepotError('connection-lost', `the connection broke (${errnoOf(error) ?? error.message})`, {
        cause: error,
      });
    });
    socket.on('close', () => this.#onClose());
    this.#watch();
  }

  /** Resolves with why the connection ended, once it has. */
  get closed(): Promise<DepotError> {
    return this.#closing.promise;
  }

  /** Whether the other side has said goodbye. */
  get dismissed(): boolean {
    return this.#dismissed;
  }

  get isOpen(): boolean {
    return this.#error === undefined && !this.socket.destroyed;
  }

  /** The last round trip, smoothed, in milliseconds; undefined before the first answer. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** The shortest round trip of this line, in milliseconds: without what waits on it. Undefined before the first answer. */
  get lineMs(): number | undefined {
    const shortest = Math.min(this.#shortestMs, this.#beside?.lineMs ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(shortest) ? shortest : undefined;
  }

  /** `other` goes the same way, and may know the line from a quieter time. */
  runsBeside(other: FrameConnection): void {
    this.#beside = other;
  }

  handOver(sink: FrameSink): void {
    this.#sink = sink;
  }

  /** Begins to ask for signs of life. */
  startHeartbeat(): void {
    this.#ping();
    this.#heartbeat = setInterval(() => this.#ping(), this.#options.heartbeatMs);
  }

  /**
   * `sent` is called when the frame, and all before it, has left this process. Who asks for that bounds by itself what is
   * under way; all other frames are bounded here: a peer that takes none of them is as good as gone.
   */
  send(frame: Uint8Array, sent?: () => void): void {
    if (!this.isOpen) return;
    if (sent === undefined) {
      this.#unreadBytes += frame.length;
      if (this.#unreadBytes > UNREAD_BYTES) {
        this.#cut(new DepotError('connection-lost', 'the other side does not read what it is sent'));
        return;
      }
    }
    this.socket.write(frame, (error?: Error | null) => {
      if (sent === undefined) this.#unreadBytes -= frame.length;
      else if (!error) sent();
    });
  }

  /** Sends one data frame; `sent` is called when its memory is free again and the line takes more. */
  sendData(stream: number, bytes: Uint8Array, sent: () => void): void {
    if (!this.isOpen) return;
    const done = (error?: Error | null): void => {
      if (!error) sent();
    };
    const whole = withHeadroom(bytes);
    if (whole !== undefined) {
      writeHeader(whole, FrameType.data, bytes.length, stream);
      this.socket.write(whole, done);
      return;
    }
    const small = bytes.length <= COPY_BYTES;
    const head = Buffer.allocUnsafe(small ? HEADER_BYTES + bytes.length : HEADER_BYTES);
    writeHeader(head, FrameType.data, bytes.length, stream);
    if (small) {
      head.set(bytes, HEADER_BYTES);
      this.socket.write(head, done);
      return;
    }
    this.socket.cork();
    this.socket.write(head);
    this.socket.write(bytes, done);
    this.socket.uncork();
  }

  /** Says why, and ends the connection in order. */
  close(error: DepotError): void {
    if (!this.isOpen) return;
    this.socket.write(encodeJsonFrame(FrameType.goodbye, 0, failureOf(error)));
    this.#die(error);
  }

  #die(error: DepotError): void {
    this.#error ??= error;
    this.#stopTimers();
    this.socket.end();
    const forced = setTimeout(() => this.socket.destroy(), CLOSE_MS);
    this.socket.once('close', () => clearTimeout(forced));
    this.#closing.resolve(this.#error);
  }

  #onClose(): void {
    this.#stopTimers();
    this.#closing.resolve(this.#error ?? new DepotError('connection-lost', 'the connection broke'));
  }

  #onData(bytes: Uint8Array): void {
    this.#lastHeardMs = performance.now();
    if (this.#error !== undefined) return;
    try {
      this.#reader.push(bytes);
    } catch (error) {
      this.close(asDepotError(error, 'internal'));
      return;
    }
    this.#readBytes += bytes.length;
    this.#yieldAfterFairShare();
  }

  /**
   * Node reads from one socket as long as there is something; the others wait. So we stop after a fair share.
   * TLS delivers what it has decrypted even then.
   */
  #yieldAfterFairShare(): void {
    if (this.#yielding || this.#readBytes < this.#share.bytes) return;
    this.#yielding = true;
    this.socket.pause();
    this.#share.admit(this.#readBytes, this.#turn);
  }

  readonly #turn = {
    resume: (): void => {
      this.#yielding = false;
      this.#readBytes = 0;
      this.socket.resume();
    },
  };

  #onFrame(type: FrameType, stream: number, payload: Uint8Array): void {
    if (this.#error !== undefined) return;
    if (type === FrameType.ping) this.#pong(payload);
    else if (type === FrameType.pong) this.#onPong(payload);
    else if (type === FrameType.goodbye) this.#onGoodbye(payload);
    else this.#sink.frame(type, stream, payload);
  }

  #onGoodbye(payload: Uint8Array): void {
    const error = errorOf(parseMessage(Failure, payload));
    this.#dismissed = true;
    this.#die(error);
  }

  #ping(): void {
    this.#pings += 1;
    this.#pingAtMs = performance.now();
    const payload = new Uint8Array(PING_BYTES);
    new DataView(payload.buffer).setFloat64(0, this.#pings);
    this.send(encodeFrame(FrameType.ping, 0, payload));
  }

  /** One answer at a time, so that a peer that asks and never reads cannot fill our memory. */
  #pong(payload: Uint8Array): void {
    if (payload.length !== PING_BYTES) throw new DepotError('protocol-violation', `a ping of ${payload.length} bytes`);
    if (this.#pongWaits || !this.isOpen) return;
    this.#pongWaits = true;
    this.socket.write(encodeFrame(FrameType.pong, 0, payload), () => {
      this.#pongWaits = false;
    });
  }

  #onPong(payload: Uint8Array): void {
    if (payload.length !== PING_BYTES) throw new DepotError('protocol-violation', `a pong of ${payload.length} bytes`);
    if (new DataView(payload.buffer, payload.byteOffset).getFloat64(0) !== this.#pings) return;
    const sample = performance.now() - this.#pingAtMs;
    this.#shortestMs = Math.min(this.#shortestMs, sample);
    if (this.#pings < FIRST_PINGS) this.#ping();
    this.#roundTripMs = this.#roundTripMs === undefined ? sample : this.#roundTripMs + (sample - this.#roundTripMs) / 4;
  }

  /** Wakes when the silence could have become too long, and looks whether it has. */
  #watch(): void {
    const silentMs = performance.now() - this.#lastHeardMs;
    const leftMs = this.#options.deadAfterMs - silentMs;
    if (leftMs > 0) {
      this.#watchdog = setTimeout(() => this.#watch(), leftMs);
      return;
    }
    this.#cut(new DepotError('timed-out', `nothing was heard for ${Math.round(silentMs / 1000)} s`));
  }

  /** Ends the connection without another word: nobody would hear it. */
  #cut(error: DepotError): void {
    this.#error ??= error;
    this.#stopTimers();
    this.socket.on('error', ignore);
    this.socket.destroy();
    this.#closing.resolve(this.#error);
  }

  #stopTimers(): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#watchdog);
  }
}
