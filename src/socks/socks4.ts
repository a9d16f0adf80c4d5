// SOCKS4 and 4a: what a client sends first and the one answer that it gets. There is no authentication in it; the
// USERID is what the client says, and nothing here believes it. Pure.

import { Reply } from '../errors.ts';
import { type Address, canonicalHost, isIPv4 } from './address.ts';
import type { Decoded, SocksRequest } from './messages.ts';

const VERSION = 0x04;
const CONNECT = 0x01;
const GRANTED = 0x5a;
const REJECTED = 0x5b;

/** VN CD DSTPORT DSTIP: what stands before the first text. */
const HEAD_BYTES = 8;
/** The longest USERID, and the longest name of 4a. */
const LONGEST_TEXT = 255;

const NEED_MORE = { kind: 'need-more' } as const;
const bad = (why: string, reply: Reply = Reply.generalFailure): Decoded<never> => ({ kind: 'bad', why, reply });

/** Where the text that begins at `offset` ends: at its NUL. */
const endOfText = (bytes: Uint8Array, offset: number): number | 'need-more' | 'too-long' => {
  const end = bytes.indexOf(0, offset);
  const length = (end < 0 ? bytes.length : end) - offset;
  if (length > LONGEST_TEXT) return 'too-long';
  return end < 0 ? 'need-more' : end;
};

/**
 * VN CD DSTPORT DSTIP USERID NUL, and for 4a, whose DSTIP is 0.0.0.x with x not 0, a name and NUL.
 * A whole message is read before it is refused, so that the refusal meets a client that listens.
 */
export const decodeSocks4Request = (bytes: Uint8Array): Decoded<SocksRequest> => {
  if (bytes.length < HEAD_BYTES) return NEED_MORE;
  const [version, command, high = 0, low = 0, ...ip] = bytes.subarray(0, HEAD_BYTES);
  if (version !== VERSION) return bad(`version ${version} instead of SOCKS4`);
  const endOfUser = endOfText(bytes, HEAD_BYTES);
  if (endOfUser === 'need-more') return NEED_MORE;
  if (endOfUser === 'too-long') return bad('a USERID that is too long');
  const port = (high << 8) | low;
  const hasName = ip[0] === 0 && ip[1] === 0 && ip[2] === 0 && ip[3] !== 0;
  const endOfName = hasName ? endOfText(bytes, endOfUser + 1) : endOfUser;
  if (endOfName === 'need-more') return NEED_MORE;
  if (endOfName === 'too-long') return bad('a host name that is too long');
  if (command !== CONNECT) return bad(`command ${command} is not supported`, Reply.commandNotSupported);
  const host = hasName ? nameIn(bytes.subarray(endOfUser + 1, endOfName)) : ip.join('.');
  if (host === undefined) return bad('a host name with characters that no name has, or none at all');
  return {
    kind: 'message',
    message: { command: 'connect', destination: { host, port } },
    taken: endOfName + 1,
  };
};

const nameIn = (bytes: Uint8Array): string | undefined => {
  const name = String.fromCharCode(...bytes);
  const host = canonicalHost(name);
  return /^[!-~]+$/.test(name) && host !== '' ? host : undefined;
};

/** VN 0, CD, DSTPORT, DSTIP. There is one code for every failure, and no room for an IPv6 address. */
export const encodeSocks4Reply = (reply: Reply, bound: Address = { host: '0.0.0.0', port: 0 }): Uint8Array => {
  const ip = isIPv4(bound.host) ? bound.host.split('.').map(Number) : [0, 0, 0, 0];
  return Uint8Array.from([
    0,
    reply === Reply.succeeded ? GRANTED : REJECTED,
    bound.port >> 8,
    bound.port & 0xff,
    ...ip,
  ]);
};
