// The datagrams between a client and its association (RFC 1928, section 7): RSV FRAG ATYP DST.ADDR DST.PORT DATA. Pure.

import { type Address, decodeAddress, encodeAddress } from './address.ts';

export interface Datagram {
  /** From a client: where it goes. To a client: where it came from. */
  readonly address: Address;
  /** A view into what was read. */
  readonly data: Uint8Array;
}

/** RSV(2) FRAG(1). */
const HEADER_BYTES = 3;

/** Reads ATYP ADDR PORT DATA at `offset`: undefined where that is no address. */
export const decodeAddressed = (bytes: Uint8Array, offset: number): Datagram | undefined => {
  const decoded = decodeAddress(bytes, offset);
  if (decoded.kind !== 'address') return undefined;
  return { address: decoded.address, data: bytes.subarray(offset + decoded.taken) };
};

/** Undefined for what has to be dropped: a fragment, which we do not put together, and what is no datagram of SOCKS. */
export const decodeDatagram = (bytes: Uint8Array): Datagram | undefined =>
  bytes[2] === 0 ? decodeAddressed(bytes, HEADER_BYTES) : undefined;

export const encodeDatagram = (address: Address, data: Uint8Array): Uint8Array => {
  const head = encodeAddress(address);
  const datagram = Buffer.allocUnsafe(HEADER_BYTES + head.length + data.length);
  datagram.fill(0, 0, HEADER_BYTES);
  datagram.set(head, HEADER_BYTES);
  datagram.set(data, HEADER_BYTES + head.length);
  return datagram;
};
