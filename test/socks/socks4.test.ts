import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reply } from '../../src/errors.ts';
import { decodeSocks4Request, encodeSocks4Reply } from '../../src/socks/socks4.ts';

const text = (value: string): number[] => [...Buffer.from(value, 'latin1'), 0];
const plain = Uint8Array.from([4, 1, 0x1f, 0x90, 192, 0, 2, 1, ...text('me')]);
const named = Uint8Array.from([4, 1, 0, 80, 0, 0, 0, 7, ...text(''), ...text('NAS.depot.')]);

describe('a SOCKS4 request', () => {
  it('has an address, or in 4a a name', () => {
    assert.deepEqual(decodeSocks4Request(plain), {
      kind: 'message',
      message: { command: 'connect', destination: { host: '192.0.2.1', port: 8080 } },
      taken: plain.length,
    });
    assert.deepEqual(decodeSocks4Request(named), {
      kind: 'message',
      message: { command: 'connect', destination: { host: 'nas.depot', port: 80 } },
      taken: named.length,
    });
  });

  it('may be cut anywhere, and what follows it is not touched', () => {
    for (const bytes of [plain, named]) {
      for (let at = 0; at < bytes.length; at += 1)
        assert.equal(decodeSocks4Request(bytes.subarray(0, at)).kind, 'need-more');
      const longer = decodeSocks4Request(Buffer.concat([bytes, Buffer.from('early')]));
      assert.equal(longer.kind === 'message' && longer.taken, bytes.length);
    }
  });

  it('is 4a only where the last byte of the address is not 0', () => {
    const decoded = decodeSocks4Request(Uint8Array.from([4, 1, 0, 80, 0, 0, 0, 0, 0]));
    assert.equal(decoded.kind === 'message' && decoded.message.destination.host, '0.0.0.0');
  });

  const wrong: readonly (readonly [string, readonly number[], Reply])[] = [
    ['BIND', [4, 2, 0, 80, 192, 0, 2, 1, 0], Reply.commandNotSupported],
    ['a USERID without an end', [4, 1, 0, 80, 192, 0, 2, 1, ...Buffer.alloc(256, 'x')], Reply.generalFailure],
    ['a name without an end', [4, 1, 0, 80, 0, 0, 0, 1, 0, ...Buffer.alloc(256, 'x')], Reply.generalFailure],
    ['no name', [4, 1, 0, 80, 0, 0, 0, 1, 0, 0], Reply.generalFailure],
    ['nothing but a dot', [4, 1, 0, 80, 0, 0, 0, 1, 0, ...text('.')], Reply.generalFailure],
    ['a name with a space', [4, 1, 0, 80, 0, 0, 0, 1, 0, ...text('a b')], Reply.generalFailure],
    ['another version', [5, 1, 0, 80, 0, 0, 0, 1, 0], Reply.generalFailure],
  ];
  for (const [what, bytes, reply] of wrong) {
    it(`is refused with ${what}`, () => {
      const decoded = decodeSocks4Request(Uint8Array.from(bytes));
      assert.equal(decoded.kind === 'bad' && decoded.reply, reply);
    });
  }
});

describe('a SOCKS4 reply', () => {
  it('is granted or rejected, with an address where it is IPv4', () => {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    assert.equal(hex(encodeSocks4Reply(Reply.succeeded, { host: '127.0.0.1', port: 8080 })), '005a1f907f000001');
    assert.equal(hex(encodeSocks4Reply(Reply.succeeded, { host: '::1', port: 1 })), '005a000100000000');
    for (const reply of Object.values(Reply).filter((value) => value !== Reply.succeeded))
      assert.equal(hex(encodeSocks4Reply(reply)), '005b000000000000');
  });
});
