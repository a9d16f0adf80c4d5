import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { encodeAddress } from '../../src/socks/address.ts';
import { createAddressedDecoder, decodeAddressed, decodeDatagram, encodeDatagram } from '../../src/socks/datagram.ts';
import { hex, toHex } from '../support/bytes.ts';

describe('a datagram of a client (RFC 1928, section 7)', () => {
  const DATAGRAMS: readonly (readonly [bytes: string, host: string, port: number, headerBytes: number])[] = [
    ['00 00 00 01 0a 00 00 01 00 35 "query"', '10.0.0.1', 53, 10],
    ['00 00 00 03 09 "nas.depot" 00 35 "query"', 'nas.depot', 53, 16],
    ['00 00 00 04 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 01 bb "query"', 'fd00::2', 443, 22],
  ];
  for (const [text, host, port, headerBytes] of DATAGRAMS) {
    const bytes = hex(text);
    it(`to ${host} is read, and written back the same`, () => {
      const datagram = decodeDatagram(bytes);
      assert.deepEqual(datagram?.address, { host, port });
      assert.equal(Buffer.from(datagram?.data ?? []).toString(), 'query');
      assert.equal(toHex(encodeDatagram(encodeAddress({ host, port }), Buffer.from('query'))), toHex(bytes));
    });

    it(`to ${host} that was cut in its header is dropped, and one without data is empty`, () => {
      for (let cut = 0; cut < headerBytes; cut += 1) {
        assert.equal(decodeDatagram(bytes.subarray(0, cut)), undefined, `cut at ${cut}`);
      }
      assert.equal(decodeDatagram(bytes.subarray(0, headerBytes))?.data.length, 0);
    });
  }

  it('that is a fragment is dropped, whatever its place', () => {
    for (let fragment = 1; fragment < 256; fragment += 1) {
      const bytes = hex('00 00 00 01 0a 00 00 01 00 35 "query"');
      bytes[2] = fragment;
      assert.equal(decodeDatagram(bytes), undefined);
    }
  });

  it('may have anything in RSV', () => {
    assert.equal(decodeDatagram(hex('ff ff 00 01 0a 00 00 01 00 35'))?.address.port, 53);
  });

  it('with an unknown address type or a name that can be none is dropped', () => {
    for (const text of ['00 00 00 02 00 00 00 00 00 00', '00 00 00 03 00 00 35', '00 00 00 03 02 "a" 0a 00 35'])
      assert.equal(decodeDatagram(hex(text)), undefined);
  });

  it('reads the same with a decoder that remembers the last address, whatever came before', () => {
    const hosts = fc.constantFrom('10.0.0.1', '10.0.0.10', 'fd00::1', 'a', 'ab', 'a.example');
    const given = fc.oneof(
      fc
        .tuple(hosts, fc.constantFrom(1, 256, 53), fc.uint8Array({ maxLength: 3 }))
        .map(([host, port, data]) => Buffer.concat([encodeAddress({ host, port }), data])),
      fc.uint8Array({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(fc.array(given, { maxLength: 30 }), (rows) => {
        const decode = createAddressedDecoder();
        for (const bytes of rows) assert.deepEqual(decode(bytes, 0), decodeAddressed(bytes, 0));
      }),
    );
  });

  it('of hostile bytes never makes it throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeDatagram(bytes)));
  });
});
