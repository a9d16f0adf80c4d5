import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Reply } from '../../src/errors.ts';
import {
  decodeCredentials,
  type Decoded,
  decodeGreeting,
  decodeRequest,
  encodeAuthStatus,
  encodeMethod,
  encodeReply,
  LONGEST_MESSAGE,
} from '../../src/socks/messages.ts';
import { concat, hex, toHex } from '../support/bytes.ts';

type Decode = (bytes: Uint8Array) => Decoded<unknown>;

const REST = hex('de ad be ef');

/** The message comes out whole, at every cut only then, and what follows is not touched. */
const readsAs = (decode: Decode, bytes: Uint8Array, message: unknown): void => {
  const expected = { kind: 'message', message, taken: bytes.length };
  assert.deepEqual(decode(bytes), expected);
  assert.deepEqual(decode(concat(bytes, REST)), expected);
  for (let cut = 0; cut < bytes.length; cut += 1) {
    assert.deepEqual(decode(bytes.subarray(0, cut)), { kind: 'need-more' }, `cut at ${cut}`);
  }
};

const replyTo = (decode: Decode, bytes: Uint8Array): Reply | undefined => {
  const decoded = decode(bytes);
  return decoded.kind === 'bad' ? decoded.reply : undefined;
};

describe('the greeting (RFC 1928, section 3)', () => {
  const GREETINGS: readonly (readonly [bytes: string, methods: readonly number[]])[] = [
    ['05 01 00', [0]],
    ['05 01 02', [2]],
    ['05 02 00 02', [0, 2]],
    ['05 03 00 01 80', [0, 1, 0x80]],
    ['05 00', []],
  ];
  for (const [bytes, methods] of GREETINGS) {
    it(`reads ${bytes}, at every cut`, () => readsAs(decodeGreeting, hex(bytes), methods));
  }

  it('reads 255 methods', () => {
    const methods = Array.from({ length: 255 }, (_, index) => index);
    readsAs(decodeGreeting, Uint8Array.of(5, 255, ...methods), methods);
  });

  it('refuses every other version at its first byte', () => {
    for (let version = 0; version < 256; version += 1) {
      const { kind } = decodeGreeting(Uint8Array.of(version));
      assert.equal(kind, version === 5 ? 'need-more' : 'bad', `version ${version}`);
    }
  });
});

describe('name and password (RFC 1929, section 2)', () => {
  it('reads both, at every cut', () => {
    readsAs(decodeCredentials, hex('01 05 "alice" 06 "secret"'), { username: 'alice', password: 'secret' });
  });

  it('reads UTF-8', () => {
    const [username, password] = ['jürgen', '密码'];
    const [name, word] = [Buffer.from(username), Buffer.from(password)];
    readsAs(decodeCredentials, Uint8Array.of(1, name.length, ...name, word.length, ...word), { username, password });
  });

  for (const [nameLength, passwordLength] of [
    [0, 0],
    [0, 255],
    [255, 0],
    [255, 255],
    [1, 1],
  ] as const) {
    it(`reads a name of ${nameLength} and a password of ${passwordLength} bytes`, () => {
      const username = 'u'.repeat(nameLength);
      const password = 'p'.repeat(passwordLength);
      const bytes = concat(
        Uint8Array.of(1, nameLength),
        Buffer.from(username),
        Uint8Array.of(passwordLength),
        Buffer.from(password),
      );
      readsAs(decodeCredentials, bytes, { username, password });
      assert.ok(bytes.length <= LONGEST_MESSAGE);
    });
  }

  it('refuses every other version of the sub-negotiation at its first byte', () => {
    for (let version = 0; version < 256; version += 1) {
      const { kind } = decodeCredentials(Uint8Array.of(version));
      assert.equal(kind, version === 1 ? 'need-more' : 'bad', `version ${version}`);
    }
  });
});

describe('the request (RFC 1928, section 4)', () => {
  const REQUESTS: readonly (readonly [bytes: string, host: string, port: number])[] = [
    ['05 01 00 01 7f 00 00 01 23 82', '127.0.0.1', 9090],
    ['05 01 00 03 09 "nas.depot" 00 50', 'nas.depot', 80],
    ['05 01 00 04 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 01 bb', 'fd00::2', 443],
    ['05 01 00 04 00 00 00 00 00 00 00 00 00 00 ff ff 0a 00 00 01 00 16', '10.0.0.1', 22],
  ];
  for (const [bytes, host, port] of REQUESTS) {
    it(`reads ${bytes}, at every cut`, () => {
      readsAs(decodeRequest, hex(bytes), { command: 'connect', destination: { host, port } });
    });
  }

  it('does not mind what stands in RSV', () => {
    readsAs(decodeRequest, hex('05 01 ff 01 01 02 03 04 00 01'), {
      command: 'connect',
      destination: { host: '1.2.3.4', port: 1 },
    });
  });

  it('answers every other version with a general failure', () => {
    for (const version of [0, 1, 4, 6, 255]) {
      assert.equal(replyTo(decodeRequest, Uint8Array.of(version)), Reply.generalFailure);
    }
  });

  it('reads every command, at every cut', () => {
    const COMMANDS = { '01': 'connect', '02': 'bind', '03': 'associate', 'f0': 'resolve', 'f1': 'resolve-ptr' };
    for (const [code, command] of Object.entries(COMMANDS)) {
      const destination = { host: '10.0.0.1', port: 80 };
      readsAs(decodeRequest, hex(`05 ${code} 00 01 0a 00 00 01 00 50`), { command, destination });
    }
  });

  it('answers a name in RESOLVE_PTR with 8, for it asks for the name of an address', () => {
    assert.equal(replyTo(decodeRequest, hex('05 f1 00 03 03 "nas" 00 00')), Reply.addressTypeNotSupported);
    readsAs(decodeRequest, hex('05 f1 00 03 08 "10.0.0.1" 00 00'), {
      command: 'resolve-ptr',
      destination: { host: '10.0.0.1', port: 0 },
    });
  });

  it('answers every other command with 7, as soon as it is seen', () => {
    for (let command = 0; command < 256; command += 1) {
      const expected = [1, 2, 3, 0xf0, 0xf1].includes(command) ? undefined : 0x07;
      assert.equal(replyTo(decodeRequest, Uint8Array.of(5, command)), expected, `command ${command}`);
    }
  });

  it('answers every unknown address type with 8, as soon as it is seen', () => {
    for (let type = 0; type < 256; type += 1) {
      const expected = [1, 3, 4].includes(type) ? undefined : 0x08;
      assert.equal(replyTo(decodeRequest, Uint8Array.of(5, 1, 0, type)), expected, `type ${type}`);
    }
  });

  it('answers a host that can be none with a general failure', () => {
    assert.equal(replyTo(decodeRequest, hex('05 01 00 03 00 00 50')), Reply.generalFailure);
    assert.equal(replyTo(decodeRequest, hex('05 01 00 03 03 "a" 0a "b" 00 50')), Reply.generalFailure);
  });
});

describe('what a server answers', () => {
  it('names its method in two bytes', () => {
    assert.equal(toHex(encodeMethod(0x00)), '05 00');
    assert.equal(toHex(encodeMethod(0x02)), '05 02');
    assert.equal(toHex(encodeMethod(0xff)), '05 ff');
  });

  it('says 0 for the right password and something else for the wrong one', () => {
    assert.equal(toHex(encodeAuthStatus(true)), '01 00');
    assert.equal(toHex(encodeAuthStatus(false)), '01 01');
  });

  const REPLIES: readonly (readonly [reply: Reply, host: string, port: number, bytes: string])[] = [
    [Reply.succeeded, '192.0.2.1', 4660, '05 00 00 01 c0 00 02 01 12 34'],
    [Reply.succeeded, '::1', 80, '05 00 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 50'],
    [Reply.connectionRefused, '0.0.0.0', 0, '05 05 00 01 00 00 00 00 00 00'],
  ];
  for (const [reply, host, port, bytes] of REPLIES) {
    it(`writes reply ${reply} with ${host}`, () => assert.equal(toHex(encodeReply(reply, { host, port })), bytes));
  }

  it('writes no address where there is none', () => {
    assert.equal(toHex(encodeReply(Reply.notAllowed)), '05 02 00 01 00 00 00 00 00 00');
  });
});

describe('hostile bytes', () => {
  for (const decode of [decodeGreeting, decodeCredentials, decodeRequest]) {
    it(`never make ${decode.name} throw or take what is not there`, () => {
      const bytes = fc.uint8Array({ maxLength: 600 });
      const likely = bytes.map((rest) => Uint8Array.of(decode === decodeCredentials ? 1 : 5, 1, ...rest));
      fc.assert(
        fc.property(fc.oneof(bytes, likely), (input) => {
          const decoded = decode(input);
          if (decoded.kind === 'message') assert.ok(decoded.taken > 0 && decoded.taken <= input.length);
        }),
      );
    });
  }
});
