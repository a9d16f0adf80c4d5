// The messages of RFC 1928 and RFC 1929 that a server reads and writes, and two commands of Tor's socks-extensions.
// A decoder returns a value and how many bytes it took, or that it needs more; it never looks past its message. Pure.

import { Reply } from '../errors.ts';
import { type Address, decodeAddress, encodeAddress, isIP, UNSPECIFIED } from './address.ts';

const VERSION = 0x05;
const AUTH_VERSION = 0x01;

/** METHOD values (RFC 1928, section 3). */
export const Method = { none: 0x00, password: 0x02, noneAcceptable: 0xff } as const;
export type Method = (typeof Method)[keyof typeof Method];

/** CMD values: RFC 1928, section 4, and Tor's socks-extensions for names without a connection. */
const CMD = { 'connect': 0x01, 'bind': 0x02, 'associate': 0x03, 'resolve': 0xf0, 'resolve-ptr': 0xf1 } as const;
/** What a client can ask for. */
export type Command = keyof typeof CMD;
export const COMMANDS = Object.keys(CMD) as readonly Command[];

/** The longest of the handshake's messages: VER ULEN UNAME(255) PLEN PASSWD(255) of RFC 1929. */
export const LONGEST_MESSAGE = 513;

export type Decoded<T> =
  | { readonly kind: 'message'; readonly message: T; readonly taken: number }
  | { readonly kind: 'need-more' }
  | { readonly kind: 'bad'; readonly why: string; readonly reply: Reply };

const NEED_MORE = { kind: 'need-more' } as const;
const bad = (why: string, reply: Reply = Reply.generalFailure): { kind: 'bad'; why: string; reply: Reply } => ({
  kind: 'bad',
  why,
  reply,
});

/** VER NMETHODS METHODS: the methods that the client offers. */
export const decodeGreeting = (bytes: Uint8Array): Decoded<readonly number[]> => {
  const [version, count] = bytes;
  if (version === undefined) return NEED_MORE;
  if (version !== VERSION) return bad(`version ${version} instead of SOCKS5`);
  if (count === undefined || bytes.length < 2 + count) return NEED_MORE;
  return { kind: 'message', message: [...bytes.subarray(2, 2 + count)], taken: 2 + count };
};

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** VER ULEN UNAME PLEN PASSWD of RFC 1929. Empty fields are read like any other; no user has them. */
export const decodeCredentials = (bytes: Uint8Array): Decoded<Credentials> => {
  const [version, userLength] = bytes;
  if (version === undefined) return NEED_MORE;
  if (version !== AUTH_VERSION) return bad(`version ${version} of the password authentication`);
  if (userLength === undefined) return NEED_MORE;
  const passwordLength = bytes[2 + userLength];
  if (passwordLength === undefined) return NEED_MORE;
  const taken = 3 + userLength + passwordLength;
  if (bytes.length < taken) return NEED_MORE;
  const text = new TextDecoder();
  const username = text.decode(bytes.subarray(2, 2 + userLength));
  const password = text.decode(bytes.subarray(3 + userLength, taken));
  return { kind: 'message', message: { username, password }, taken };
};

export interface SocksRequest {
  readonly command: Command;
  /** What it means depends on the command: the app, who may connect, where datagrams will come from, what to look up. */
  readonly destination: Address;
}

/** VER CMD RSV ATYP DST.ADDR DST.PORT. What can be refused early is refused before the address is there. */
export const decodeRequest = (bytes: Uint8Array): Decoded<SocksRequest> => {
  const [version, code] = bytes;
  if (version === undefined) return NEED_MORE;
  if (version !== VERSION) return bad(`version ${version} in the request`);
  if (code === undefined) return NEED_MORE;
  const command = COMMANDS.find((known) => CMD[known] === code);
  if (command === undefined) return bad(`command ${code} is not supported`, Reply.commandNotSupported);
  const decoded = decodeAddress(bytes, 3);
  switch (decoded.kind) {
    case 'need-more':
      return NEED_MORE;
    case 'unknown-type':
      return bad(`address type ${bytes[3]} is not supported`, Reply.addressTypeNotSupported);
    case 'malformed':
      return bad(decoded.why);
    case 'address': {
      const { address: destination, taken } = decoded;
      if (command === 'resolve-ptr' && !isIP(destination.host))
        return bad('a name, where the name of an address is asked for', Reply.addressTypeNotSupported);
      return { kind: 'message', message: { command, destination }, taken: 3 + taken };
    }
  }
};

export const encodeMethod = (method: Method): Uint8Array => Uint8Array.of(VERSION, method);

/** RFC 1929, section 2: STATUS 0 is success, anything else is failure and the connection is closed. */
export const encodeAuthStatus = (accepted: boolean): Uint8Array => Uint8Array.of(AUTH_VERSION, accepted ? 0x00 : 0x01);

export const encodeReply = (reply: Reply, bound: Address = UNSPECIFIED): Uint8Array =>
  Uint8Array.from([VERSION, reply, 0x00, ...encodeAddress(bound)]);
