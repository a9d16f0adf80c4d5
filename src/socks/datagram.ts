// The datagrams between a client and its association (RFC 1928, section 7): RSV FRAG ATYP DST.ADDR DST.PORT DATA. Pure.

import { type Address, decodeAddress } from './address.ts';

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

export type AddressedDecoder = typeof decodeAddressed;

/** The same, and remembers the last address: datagrams come in rows, and those of a row then have the very same one. */
export const createAddressedDecoder = (): AddressedDecoder => {
  let head = new Uint8Array();
  let address: Address | undefined;
  return (bytes, offset) => {
    if (address !== undefined && isAt(bytes, offset, head))
      return { address, data: bytes.subarray(offset + head.length) };
    const datagram = decodeAddressed(bytes, offset);
    if (datagram === undefined) return undefined;
    // No address is the beginning of another one: ATYP and length say where it ends.
    head = Uint8Array.from(bytes.subarray(offset, bytes.length - datagram.data.length));
    ({ address } = datagram);
    return datagram;
  };
};

const isAt = (bytes: Uint8Array, offset: number, wanted: Uint8Array): boolean => {
  for (let index = 0; index < wanted.length; index += 1) if (bytes[offset + index] !== wanted[index]) return false;
  return true;
};

/** Undefined for what has to be dropped: a fragment, which we do not put together, and what is no datagram of SOCKS. */
export const decodeDatagram = (bytes: Uint8Array, decode: AddressedDecoder = decodeAddressed): Datagram | undefined =>
  bytes[2] === 0 ? decode(bytes, HEADER_BYTES) : undefined;

/** `head` is the address as `encodeAddress` writes it. */
export const encodeDatagram = (head: Uint8Array, data: Uint8Array): Uint8Array => {
  const datagram = Buffer.allocUnsafe(HEADER_BYTES + head.length + data.length);
  datagram.fill(0, 0, HEADER_BYTES);
  datagram.set(head, HEADER_BYTES);
  datagram.set(data, HEADER_BYTES + head.length);
  return datagram;
};
