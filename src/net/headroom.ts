// Buffers with room for a frame's header before them, so that header and payload leave in one piece without a copy.
// Two pieces would do as well, but TLS copies whatever comes to it in more than one.

import { HEADER_BYTES } from '../link/frames.ts';

/** Marks memory whose first bytes nobody else uses. */
const ROOMY = Symbol('headroom');

/** So many bytes, uninitialised, with room before them. */
export const allocateWithHeadroom = (bytes: number): Buffer => {
  const { buffer } = Buffer.allocUnsafeSlow(HEADER_BYTES + bytes);
  Object.assign(buffer, { [ROOMY]: true });
  return Buffer.from(buffer, HEADER_BYTES);
};

/** The same bytes with the room before them; undefined where there is none, or another piece lies there. */
export const withHeadroom = (bytes: Uint8Array): Uint8Array | undefined =>
  bytes.byteOffset === HEADER_BYTES && ROOMY in bytes.buffer
    ? new Uint8Array(bytes.buffer, 0, HEADER_BYTES + bytes.length)
    : undefined;
