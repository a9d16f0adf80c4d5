// SOCKS5, SOCKS4, the UDP header and the spelling of hosts.

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  canonicalHost,
  decodeAddress,
  encodeAddress,
  isIP,
  parseAddress,
  formatAddress,
} from '../../../src/socks/address.ts';
import { decodeDatagram, encodeDatagram } from '../../../src/socks/datagram.ts';
import { advance, type HandshakeState, readsBytes } from '../../../src/socks/handshake.ts';
import {
  decodeCredentials,
  type Decoded,
  decodeGreeting,
  decodeRequest,
  LONGEST_MESSAGE,
} from '../../../src/socks/messages.ts';
import { decodeSocks4Request } from '../../../src/socks/socks4.ts';
import { concat } from '../../support/bytes.ts';
import { bytes, changed, changes, cut, cuts, type Property, property } from './property.ts';

/** VN CD DSTPORT DSTIP, USERID and a name, each with its NUL. */
const LONGEST_SOCKS4 = 8 + 256 + 256;

const DECODERS: Readonly<Record<string, readonly [decode: (bytes: Uint8Array) => Decoded<unknown>, longest: number]>> =
  {
    'a greeting': [decodeGreeting, LONGEST_MESSAGE],
    'credentials': [decodeCredentials, LONGEST_MESSAGE],
    'a SOCKS5 request': [decodeRequest, LONGEST_MESSAGE],
    'a SOCKS4 request': [decodeSocks4Request, LONGEST_SOCKS4],
  };

/** Bytes that come far into a decoder: a head that is nearly right, then anything. */
const nearly = fc
  .tuple(
    fc.constantFrom([5, 1], [5, 3], [1, 5], [5, 1, 0, 1], [5, 1, 0, 3], [5, 1, 0, 4], [5, 0xf0, 0, 3], [4, 1, 0, 80]),
    bytes(600),
  )
  .map(([head, rest]) => Uint8Array.from([...head, ...rest]));
const anything = fc.oneof(nearly, bytes(600));

/** Reading byte by byte comes to the same as reading all at once, and never looks past the message. */
const readsAlike = (decode: (bytes: Uint8Array) => Decoded<unknown>, longest: number, stream: Uint8Array): void => {
  const whole = decode(stream);
  if (whole.kind === 'need-more') {
    assert.ok(stream.length < longest, `${stream.length} bytes, and still more are needed`);
    return;
  }
  if (whole.kind === 'message') {
    assert.ok(whole.taken > 0 && whole.taken <= Math.min(stream.length, longest));
    assert.deepEqual(decode(stream.subarray(0, whole.taken)), whole);
    for (let length = 0; length < whole.taken; length += 1)
      assert.equal(decode(stream.subarray(0, length)).kind, 'need-more');
    return;
  }
  // What is bad is bad from some byte on, whatever follows.
  const first = stream.findIndex((_, index) => decode(stream.subarray(0, index + 1)).kind === 'bad');
  for (let length = Math.max(0, first); length < stream.length; length += 1)
    assert.equal(decode(stream.subarray(0, length + 1)).kind, 'bad');
};

const drive = (pieces: readonly Uint8Array[], anonymous: boolean, accepted: boolean): unknown => {
  let state: HandshakeState = 'greeting';
  let pending: Uint8Array = new Uint8Array();
  const seen: unknown[] = [];
  for (const piece of pieces) {
    pending = concat(pending, piece);
    for (let moved = true; moved;) {
      const verifying: boolean = state === 'verifying';
      if (!verifying && !readsBytes(state)) break;
      const step = advance(state, verifying ? { type: 'verified', accepted } : { type: 'bytes', bytes: pending }, {
        anonymous,
      });
      moved = step.taken > 0 || step.effects.length > 0;
      state = step.state;
      pending = pending.subarray(step.taken);
      seen.push(...step.effects);
    }
  }
  // A handshake that failed leaves nothing to anybody, so what comes behind it does not count.
  return { state, seen, left: state === 'failed' ? undefined : pending };
};

const conversation = fc
  .tuple(
    fc.constantFrom([5, 1, 0], [5, 1, 2], [5, 2, 0, 2], [5, 0]),
    fc.constantFrom([], [1, 1, 97, 1, 98], [1, 0, 0]),
    fc.constantFrom([5, 1, 0, 1, 127, 0, 0, 1, 0, 80], [5, 3, 0, 3, 1, 97, 0, 0], [5, 0xf1, 0, 3, 1, 97, 0, 0]),
    bytes(20),
  )
  .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

const hostText = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.domain(),
  fc.string({ maxLength: 40 }),
  fc
    .array(fc.constantFrom('[', ']', '.', ':', '::', '%', '1', 'ffff', 'a', '127.0.0.1', '0x7f', 'K'), { maxLength: 8 })
    .map((parts) => parts.join('')),
);
const port = fc.integer({ min: 0, max: 65_535 });
const realHost = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());

export const SOCKS: readonly Property[] = [
  ...Object.entries(DECODERS).map(([name, [decode, longest]]) =>
    property(`${name}, whatever comes, reads alike however it is cut`, [anything], (stream) =>
      readsAlike(decode, longest, stream),
    ),
  ),
  property(
    'a handshake is the same however its bytes are cut',
    [conversation, changes, cuts, fc.boolean(), fc.boolean()],
    (stream, what, at, anonymous, accepted) => {
      const spoilt = changed(stream, what);
      assert.deepEqual(drive(cut(spoilt, at), anonymous, accepted), drive([spoilt], anonymous, accepted));
    },
  ),
  property('an address comes back as it went', [realHost, port], (host, number) => {
    const address = { host: canonicalHost(host), port: number };
    const field = encodeAddress(address);
    assert.deepEqual(decodeAddress(field, 0), { kind: 'address', address, taken: field.length });
    const text = formatAddress(address);
    assert.deepEqual(parseAddress(text), number === 0 ? undefined : address);
  }),
  property('a host has one spelling', [hostText], (host) => {
    const once = canonicalHost(host);
    assert.equal(canonicalHost(once), once);
    assert.equal(isIP(host) && !isIP(once), false);
  }),
  property('a datagram comes back as it went', [realHost, port, bytes(60)], (host, number, data) => {
    const address = { host: canonicalHost(host), port: number };
    const decoded = decodeDatagram(encodeDatagram(encodeAddress(address), data));
    assert.deepEqual(decoded?.address, address);
    assert.deepEqual(Uint8Array.from(decoded?.data ?? []), data);
  }),
  property('a datagram, whatever comes, is read or dropped', [anything], (stream) => {
    const decoded = decodeDatagram(stream);
    if (decoded !== undefined) assert.ok(decoded.data.length < stream.length);
  }),
];
