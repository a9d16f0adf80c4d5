// Reading without an allocation per read, where Node can do it but offers no public way: for accepted sockets and for TLS.
// Everything here looks first whether Node is as expected; if not, the public way is taken, which is slower and the same.

import net from 'node:net';
import type tls from 'node:tls';

type WithHandle = { _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } | null };

const handleOf = (socket: net.Socket): Required<NonNullable<WithHandle['_handle']>> | undefined => {
  const handle = (socket as unknown as WithHandle)._handle;
  return typeof handle?.useUserBuffer === 'function' ? (handle as Required<typeof handle>) : undefined;
};

/** A socket from a server with `pauseOnConnect`, as one that reads by `onread`; paused. */
export const acceptWithOnread = (accepted: net.Socket, onread: net.OnReadOpts): net.Socket => {
  const handle = handleOf(accepted);
  if (handle === undefined) return feedOnread(accepted, onread);
  (accepted as unknown as WithHandle)._handle = null;
  const options = { handle, onread, allowHalfOpen: true, pauseOnCreate: true };
  return new net.Socket(options as unknown as net.SocketConstructorOpts);
};

/** Feeds `onread` from the `data` events of an ordinary socket, in pieces that fit the buffers. */
const feedOnread = (socket: net.Socket, onread: net.OnReadOpts): net.Socket =>
  socket.pause().on('data', (data: Buffer) => {
    const buffer = typeof onread.buffer === 'function' ? onread.buffer() : onread.buffer;
    const piece = data.subarray(0, buffer.length);
    buffer.set(piece);
    onread.callback(piece.length, buffer);
    if (piece.length < data.length) socket.unshift(data.subarray(piece.length));
  });

/** The most that a TLS record carries (RFC 8446, section 5.1). */
const RECORD_BYTES = 16 * 1024;

/** Where `net.Socket` keeps what its `onread` option said. */
const ONREAD_SYMBOLS = ['kBuffer', 'kBufferCb', 'kBufferGen'] as const;

/**
 * Reads a TLS socket that nobody has read yet. `onBytes` has to be done with the bytes when it returns: the next record
 * goes into the same memory, and TLS delivers what it has decrypted even after the socket was paused.
 */
export const readTls = (socket: tls.TLSSocket, onBytes: (bytes: Uint8Array) => void): void => {
  const symbols = Object.getOwnPropertySymbols(socket);
  const [kBuffer, kCallback, kGenerate] = ONREAD_SYMBOLS.map((name) =>
    symbols.find(({ description }) => description === name),
  );
  const handle = handleOf(socket);
  if (handle === undefined || kBuffer === undefined || kCallback === undefined || kGenerate === undefined) {
    socket.on('data', onBytes);
    return;
  }
  // What came with the end of the handshake lies in the stream's own queue.
  const early = socket.read() as Buffer | null;
  if (early !== null) process.nextTick(onBytes, early);
  const buffer = Buffer.allocUnsafeSlow(RECORD_BYTES);
  const callback = (bytes: number): boolean => {
    onBytes(buffer.subarray(0, bytes));
    return true;
  };
  Object.assign(socket, { [kBuffer]: buffer, [kCallback]: callback, [kGenerate]: null });
  handle.useUserBuffer(buffer);
  socket.resume();
};
