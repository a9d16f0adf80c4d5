import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  canonicalHost,
  decodeAddress,
  encodeAddress,
  formatAddress,
  isIP,
  isIPv4,
  isIPv6,
} from '../../src/socks/address.ts';
import { concat, hex, toHex } from '../support/bytes.ts';

/** RFC 1928, section 5: ATYP, ADDR, PORT and what they mean. */
const WIRE: readonly (readonly [what: string, bytes: string, host: string, port: number])[] = [
  ['an IPv4 address', '01 c0 00 02 07 00 50', '192.0.2.7', 80],
  ['the lowest IPv4 address and port', '01 00 00 00 00 00 00', '0.0.0.0', 0],
  ['the highest IPv4 address and port', '01 ff ff ff ff ff ff', '255.255.255.255', 65535],
  ['a name', '03 0b "example.org" 01 bb', 'example.org', 443],
  ['a name of one letter', '03 01 "a" 00 01', 'a', 1],
  ['an IPv6 address', '04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 1f 90', '2001:db8::1', 8080],
  ['the IPv6 loopback', '04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 16', '::1', 22],
  ['the unspecified IPv6 address', '04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00', '::', 0],
];

describe('the address field', () => {
  for (const [what, bytes, host, port] of WIRE) {
    it(`reads ${what}`, () => {
      const field = hex(bytes);
      const expected = { kind: 'address', address: { host, port }, taken: field.length };
      assert.deepEqual(decodeAddress(field, 0), expected);
    });

    it(`writes ${what}`, () => assert.equal(toHex(encodeAddress({ host, port })), toHex(hex(bytes))));

    it(`waits for the rest of ${what}, wherever it is cut`, () => {
      const field = hex(bytes);
      for (let cut = 0; cut < field.length; cut += 1) {
        assert.deepEqual(decodeAddress(field.subarray(0, cut), 0), { kind: 'need-more' }, `cut at ${cut}`);
      }
    });

    it(`reads ${what} in the middle of other bytes and takes no more than its own`, () => {
      const field = hex(bytes);
      const expected = { kind: 'address', address: { host, port }, taken: field.length };
      assert.deepEqual(decodeAddress(concat(hex('aa bb cc'), field, hex('dd ee')), 3), expected);
    });
  }

  it('reads a name of 255 bytes, the longest there can be', () => {
    const name = 'a'.repeat(255);
    const field = concat(hex('03 ff'), Buffer.from(name), hex('00 50'));
    assert.deepEqual(decodeAddress(field, 0), { kind: 'address', address: { host: name, port: 80 }, taken: 259 });
    assert.deepEqual(decodeAddress(field.subarray(0, 258), 0), { kind: 'need-more' });
  });

  it('calls an empty name malformed', () => {
    assert.equal(decodeAddress(hex('03 00 00 50'), 0).kind, 'malformed');
  });

  it('calls a name with a blank, a control character or a high byte malformed', () => {
    for (const byte of ['00', '0a', '20', '7f', '80', 'ff']) {
      assert.equal(decodeAddress(hex(`03 03 "a" ${byte} "b" 00 50`), 0).kind, 'malformed', byte);
    }
  });

  it('knows no other address type than 1, 3 and 4', () => {
    for (let type = 0; type < 256; type += 1) {
      const { kind } = decodeAddress(Uint8Array.of(type), 0);
      assert.equal(kind, [1, 3, 4].includes(type) ? 'need-more' : 'unknown-type', `type ${type}`);
    }
  });

  it('reads an IPv4 address that hides in IPv6 as what it is', () => {
    const mapped = hex('04 00 00 00 00 00 00 00 00 00 00 ff ff 7f 00 00 01 00 50');
    assert.deepEqual(decodeAddress(mapped, 0), {
      kind: 'address',
      address: { host: '127.0.0.1', port: 80 },
      taken: 19,
    });
  });

  it('reads an address that was sent as a name as that address', () => {
    for (const [name, host] of [
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '::1'],
      ['::ffff:10.0.0.1', '10.0.0.1'],
      ['[::1]', '::1'],
      ['NAS.Lan.', 'nas.lan'],
    ] as const) {
      const field = concat(Uint8Array.of(3, name.length), Buffer.from(name), hex('00 50'));
      assert.deepEqual(decodeAddress(field, 0), { kind: 'address', address: { host, port: 80 }, taken: field.length });
    }
  });

  it('calls a name malformed of which nothing is left in its one spelling', () => {
    assert.equal(decodeAddress(hex('03 01 "." 00 50'), 0).kind, 'malformed');
    assert.equal(decodeAddress(hex('03 02 "[]" 00 50'), 0).kind, 'malformed');
  });

  it('cuts a name that is longer than the field can hold', () => {
    const field = encodeAddress({ host: 'b'.repeat(300), port: 1 });
    assert.equal(field.length, 259);
    assert.equal(field[1], 255);
  });

  it('gives back every address that was written', () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
    const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
    const host = fc.oneof(fc.ipV4(), fc.ipV6().map(canonicalHost), name);
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65535 }), (someHost, port) => {
        const address = { host: someHost, port };
        const field = encodeAddress(address);
        assert.deepEqual(decodeAddress(field, 0), { kind: 'address', address, taken: field.length });
      }),
    );
  });

  it('throws on no bytes whatsoever, and never takes more than there are', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const likely = fc.tuple(fc.constantFrom(1, 3, 4), bytes).map(([type, rest]) => Uint8Array.of(type, ...rest));
    fc.assert(
      fc.property(fc.oneof(bytes, likely), fc.nat(5), (input, offset) => {
        const decoded = decodeAddress(input, offset);
        if (decoded.kind !== 'address') return;
        assert.ok(decoded.taken > 0 && offset + decoded.taken <= input.length);
      }),
    );
  });
});

describe('the one spelling of a host', () => {
  const SPELLINGS: readonly (readonly [written: string, canonical: string])[] = [
    ['Example.ORG', 'example.org'],
    ['example.org.', 'example.org'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::FFFF:7f00:1', '127.0.0.1'],
    ['0:0:0:0:0:ffff:c000:0207', '192.0.2.7'],
    ['::ffff:0:0', '0.0.0.0'],
    ['::ffff:255.255.255.255', '255.255.255.255'],
    ['::127.0.0.1', '::7f00:1'],
    ['10.0.0.1', '10.0.0.1'],
  ];
  for (const [written, canonical] of SPELLINGS) {
    it(`writes ${written} as ${canonical}`, () => assert.equal(canonicalHost(written), canonical));
  }

  it('changes nothing any more when it is applied again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), fc.ipV4(), fc.domain()), (host) => {
        assert.equal(canonicalHost(canonicalHost(host)), canonicalHost(host));
      }),
    );
  });

  it('throws on no text whatsoever', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(typeof canonicalHost(text), 'string')));
  });

  it('writes brackets around an IPv6 address before its port, and around nothing else', () => {
    assert.equal(formatAddress({ host: '::1', port: 80 }), '[::1]:80');
    assert.equal(formatAddress({ host: '127.0.0.1', port: 80 }), '127.0.0.1:80');
    assert.equal(formatAddress({ host: 'nas.lan', port: 0 }), 'nas.lan:0');
  });
});

describe('what is an IP address', () => {
  it('knows IPv4 in its one dotted form only', () => {
    for (const yes of ['0.0.0.0', '1.2.3.4', '255.255.255.255']) assert.ok(isIPv4(yes), yes);
    for (const no of ['256.1.1.1', '1.2.3', '1.2.3.4.5', '01.2.3.4', '0x7f.0.0.1', '127.1', ' 1.2.3.4', '', '::1']) {
      assert.ok(!isIPv4(no), no);
    }
  });

  it('knows IPv6 in all of its forms', () => {
    for (const yes of ['::', '::1', '2001:DB8::1', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4']) assert.ok(isIPv6(yes), yes);
    for (const no of ['', ':', ':::', '1.2.3.4', '1::2::3', 'g::1', '1:2:3:4:5:6:7:8:9', 'host', '[::1]', 'a:b']) {
      assert.ok(!isIPv6(no), no);
    }
  });

  it('takes no text for an address that only begins or ends with one', () => {
    for (const no of ['::1]/', '::1]:80/[', 'user:word@[::1', '::1]?', '::1]#[', '::\t1', ':\n:1']) {
      assert.ok(!isIP(no), JSON.stringify(no));
      assert.notEqual(canonicalHost(no), '::1', JSON.stringify(no));
    }
  });
});
