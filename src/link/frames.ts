// The wire format of the link, all of it: an eight-byte header and its payload, big endian.
// Described byte by byte in docs/protocol.md. Pure.

import { DepotError } from '../errors.ts';

/** TYPE (1) LENGTH (3) STREAM (4). */
export const HEADER_BYTES = 8;

/** What a frame is. Numbers are never used again for something else. */
export const FrameType = {
  /** The first frame of a connection, from local: who I am and what this connection is for. JSON. */
  hello: 0x01,
  /** The server's answer: what we agreed on. JSON. */
  welcome: 0x02,
  /** Why the sender ends the connection now. JSON. The last frame of its direction. */
  goodbye: 0x03,
  /** Are you there? Eight bytes of the sender's own, to be sent back. */
  ping: 0x04,
  /** The answer to a ping, with its eight bytes. */
  pong: 0x05,
  /** A message on the control connection. JSON. */
  control: 0x06,
  /** Server to local: dial this app and join it to the stream. JSON. */
  open: 0x10,
  /** Local to server: the app answered. JSON. */
  opened: 0x11,
  /** Local to server: the app did not answer; the stream is over. JSON. */
  refused: 0x12,
  /** Bytes of the stream. Takes as much of the receiver's window as it has payload. */
  data: 0x13,
  /** The sender has no more bytes (a FIN). The other direction goes on. */
  fin: 0x14,
  /** The stream is aborted in both directions (an RST). JSON. */
  reset: 0x15,
  /** The receiver grants this many more bytes: four bytes, unsigned. */
  window: 0x16,
  /** One datagram of an association: its address as SOCKS writes it (ATYP ADDR PORT), and its bytes. */
  datagram: 0x17,
  /** Local to server: the app may connect here (BIND). JSON. Opened or refused follows. */
  listening: 0x18,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** The most that one data frame carries: with its header it fills sixteen TLS records of 16 KiB to the last byte. */
export const MAX_DATA_BYTES = 256 * 1024 - HEADER_BYTES;

/** The longest address (a name of 255 bytes), and the most that UDP carries. */
export const MAX_DATAGRAM_BYTES = 259 + 65_527;

/** The most that any other frame carries. */
export const MAX_MESSAGE_BYTES = 16 * 1024;

/** What either side may send on a new stream before the first grant. */
export const INITIAL_WINDOW_BYTES = 256 * 1024;

const NAMES = new Map<number, keyof typeof FrameType>(
  Object.entries(FrameType).map(([name, type]) => [type, name as keyof typeof FrameType]),
);

export const frameName = (type: number): string => NAMES.get(type) ?? `0x${type.toString(16)}`;

export const writeHeader = (target: Uint8Array, type: FrameType, length: number, stream: number): void => {
  target[0] = type;
  target[1] = length >>> 16;
  target[2] = length >>> 8;
  target[3] = length;
  target[4] = stream >>> 24;
  target[5] = stream >>> 16;
  target[6] = stream >>> 8;
  target[7] = stream;
};

/** A whole small frame in one piece. */
export const encodeFrame = (type: FrameType, stream: number, payload: Uint8Array = new Uint8Array()): Uint8Array => {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  writeHeader(frame, type, payload.length, stream);
  frame.set(payload, HEADER_BYTES);
  return frame;
};

const text = new TextEncoder();

export const encodeJsonFrame = (type: FrameType, stream: number, message: unknown): Uint8Array =>
  encodeFrame(type, stream, text.encode(JSON.stringify(message)));

export const encodeWindow = (stream: number, bytes: number): Uint8Array => {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, bytes);
  return encodeFrame(FrameType.window, stream, payload);
};

export const decodeWindow = (payload: Uint8Array): number => {
  if (payload.length !== 4) throw new DepotError('protocol-violation', `a window frame of ${payload.length} bytes`);
  return new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0);
};

/** `head` is the datagram's address as `encodeAddress` writes it. */
export const encodeDatagramFrame = (stream: number, head: Uint8Array, data: Uint8Array): Uint8Array => {
  const length = head.length + data.length;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  writeHeader(frame, FrameType.datagram, length, stream);
  frame.set(head, HEADER_BYTES);
  frame.set(data, HEADER_BYTES + head.length);
  return frame;
};

const capOf = (type: FrameType): number => {
  if (type === FrameType.data) return MAX_DATA_BYTES;
  return type === FrameType.datagram ? MAX_DATAGRAM_BYTES : MAX_MESSAGE_BYTES;
};

/** Where a FrameReader delivers. Data comes in the pieces in which it arrived, never gathered, never copied. */
export interface FrameSink {
  data(stream: number, bytes: Uint8Array): void;
  frame(type: FrameType, stream: number, payload: Uint8Array): void;
}

/**
 * Turns bytes, however they are cut, into frames. Holds at most one header and one capped payload.
 * Throws `protocol-violation` on an unknown type or a payload over its cap; it is of no use after that.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #type: FrameType = FrameType.data;
  #stream = 0;
  #payload: Uint8Array | undefined;
  #payloadBytes = 0;
  #missing = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      at = this.#missing > 0 ? this.#readPayload(bytes, at) : this.#readHeader(bytes, at);
    }
  }

  #readHeader(bytes: Uint8Array, at: number): number {
    const take = Math.min(HEADER_BYTES - this.#headerBytes, bytes.length - at);
    if (take === HEADER_BYTES) {
      this.#begin(bytes, at);
    } else {
      this.#header.set(bytes.subarray(at, at + take), this.#headerBytes);
      this.#headerBytes += take;
      if (this.#headerBytes === HEADER_BYTES) this.#begin(this.#header, 0);
    }
    return at + take;
  }

  #begin(from: Uint8Array, at: number): void {
    const byte = (index: number): number => from[at + index] ?? 0;
    const type = byte(0);
    const length = (byte(1) << 16) | (byte(2) << 8) | byte(3);
    const stream = ((byte(4) << 24) | (byte(5) << 16) | (byte(6) << 8) | byte(7)) >>> 0;
    if (!NAMES.has(type)) throw new DepotError('protocol-violation', `a frame of unknown type ${frameName(type)}`);
    const cap = capOf(type as FrameType);
    if (length > cap)
      throw new DepotError(
        'protocol-violation',
        `a ${frameName(type)} frame of ${length} bytes, at most ${cap} are allowed`,
      );
    this.#headerBytes = 0;
    this.#type = type as FrameType;
    this.#stream = stream;
    this.#missing = length;
    this.#payloadBytes = 0;
    this.#payload = undefined;
    if (length === 0) this.#finish(new Uint8Array());
  }

  #readPayload(bytes: Uint8Array, at: number): number {
    const take = Math.min(this.#missing, bytes.length - at);
    const piece = bytes.subarray(at, at + take);
    const whole = take === this.#missing && this.#payloadBytes === 0;
    this.#missing -= take;
    if (this.#type === FrameType.data) {
      this.#sink.data(this.#stream, piece);
    } else if (whole) {
      this.#finish(piece);
    } else {
      this.#payload ??= new Uint8Array(take + this.#missing);
      this.#payload.set(piece, this.#payloadBytes);
      this.#payloadBytes += take;
      if (this.#missing === 0) this.#finish(this.#payload);
    }
    return at + take;
  }

  #finish(payload: Uint8Array): void {
    if (this.#type !== FrameType.data) this.#sink.frame(this.#type, this.#stream, payload);
  }
}
