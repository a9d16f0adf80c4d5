import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  advance,
  type HandshakeEffect,
  type HandshakeEvent,
  type HandshakeOptions,
  type HandshakeState,
  readsBytes,
} from '../../src/socks/handshake.ts';
import { concat, hex, toHex } from '../support/bytes.ts';

const OPEN: HandshakeOptions = { anonymous: true };
const CLOSED: HandshakeOptions = { anonymous: false };

interface Outcome {
  readonly state: HandshakeState;
  /** Everything that was written, as hex. */
  readonly written: string;
  readonly effects: readonly Exclude<HandshakeEffect, { do: 'write' }>[];
  /** What belongs to nobody yet. */
  readonly left: string;
}

/** Drives the table as an entry does: bytes pile up in front of it, `verify` is answered at once. */
const drive = (pieces: readonly Uint8Array[], options: HandshakeOptions, accepted = true): Outcome => {
  let state = 'greeting' as HandshakeState;
  let pending: Uint8Array = new Uint8Array();
  const written: Uint8Array[] = [];
  const effects: Exclude<HandshakeEffect, { do: 'write' }>[] = [];
  const step = (event: HandshakeEvent): boolean => {
    const result = advance(state, event, options);
    const moved = result.taken > 0 || result.effects.length > 0;
    state = result.state;
    pending = pending.subarray(result.taken);
    for (const effect of result.effects) {
      if (effect.do === 'write') written.push(effect.bytes);
      else effects.push(effect);
    }
    return moved;
  };
  for (const piece of pieces) {
    pending = concat(pending, piece);
    let moved = true;
    while (moved) {
      if (state === 'verifying') moved = step({ type: 'verified', accepted });
      else moved = readsBytes(state) && step({ type: 'bytes', bytes: pending });
    }
  }
  return { state, written: toHex(concat(...written)), effects, left: toHex(pending) };
};

const CONNECT = hex('05 01 00 01 0a 00 00 01 00 50');
const LOGIN = hex('01 05 "alice" 06 "secret"');
const EARLY = hex('"GET /"');
const REQUEST = { command: 'connect', destination: { host: '10.0.0.1', port: 80 } };

describe('the choice of a method', () => {
  const CHOICES: readonly (readonly [anonymous: boolean, offered: readonly number[], chosen: string])[] = [
    [true, [0], '05 00'],
    [true, [2], '05 02'],
    [true, [0, 2], '05 00'],
    [true, [2, 0], '05 00'],
    [true, [1], '05 ff'],
    [true, [], '05 ff'],
    [false, [0], '05 ff'],
    [false, [2], '05 02'],
    [false, [0, 2], '05 02'],
    [false, [2, 0], '05 02'],
    [false, [1], '05 ff'],
    [false, [], '05 ff'],
    [false, [1, 0x80, 2], '05 02'],
  ];
  for (const [anonymous, offered, chosen] of CHOICES) {
    it(`with anonymous clients ${anonymous ? 'welcome' : 'unwelcome'}, {${offered.join(', ')}} is answered ${chosen}`, () => {
      const outcome = drive([Uint8Array.of(5, offered.length, ...offered)], { anonymous });
      assert.equal(outcome.written, chosen);
      const expected = { '05 00': 'request', '05 02': 'credentials', '05 ff': 'failed' }[chosen];
      assert.equal(outcome.state, expected);
      assert.equal(
        outcome.effects.some((effect) => effect.do === 'close'),
        chosen === '05 ff',
      );
    });
  }
});

describe('a whole handshake', () => {
  const verify = { do: 'verify', credentials: { username: 'alice', password: 'secret' } };
  const WHOLE: readonly (readonly [what: string, bytes: Uint8Array, options: HandshakeOptions, expected: Outcome])[] = [
    [
      'of an anonymous client',
      concat(hex('05 01 00'), CONNECT, EARLY),
      OPEN,
      {
        state: 'requested',
        written: '05 00',
        effects: [{ do: 'request', request: REQUEST }] as never,
        left: toHex(EARLY),
      },
    ],
    [
      'with name and password',
      concat(hex('05 02 00 02'), LOGIN, CONNECT, EARLY),
      CLOSED,
      {
        state: 'requested',
        written: '05 02 01 00',
        effects: [verify, { do: 'request', request: REQUEST }] as never,
        left: toHex(EARLY),
      },
    ],
  ];
  for (const [what, bytes, options, expected] of WHOLE) {
    it(`${what} comes out, and what the client sent ahead is kept`, () => {
      assert.deepEqual(drive([bytes], options), expected);
    });

    it(`${what} comes out the same at every cut`, () => {
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        assert.deepEqual(drive([bytes.subarray(0, cut), bytes.subarray(cut)], options), expected, `cut at ${cut}`);
      }
    });

    it(`${what} comes out the same byte by byte`, () => {
      const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
      assert.deepEqual(drive(pieces, options), expected);
    });

    it(`${what} has no request before its last byte`, () => {
      const length = bytes.length - EARLY.length - 1;
      const outcome = drive([bytes.subarray(0, length)], options);
      assert.equal(outcome.state, 'request');
      assert.ok(!outcome.effects.some((effect) => effect.do === 'request'));
    });
  }
});

describe('a handshake that fails', () => {
  const FAILURES: readonly (readonly [what: string, bytes: Uint8Array, options: HandshakeOptions, written: string])[] =
    [
      ['SOCKS4', hex('04 01 00 50 0a 00 00 01 00'), OPEN, ''],
      ['HTTP', hex('"GET / HTTP/1.1"'), OPEN, ''],
      ['a wrong version of the password', concat(hex('05 01 02 02'), LOGIN), CLOSED, '05 02 01 01'],
      ['a request of another version', concat(hex('05 01 00 04')), OPEN, '05 00 05 01 00 01 00 00 00 00 00 00'],
      ['a command that nobody knows', hex('05 01 00 05 04 00 01'), OPEN, '05 00 05 07 00 01 00 00 00 00 00 00'],
      ['an unknown address type', hex('05 01 00 05 01 00 02'), OPEN, '05 00 05 08 00 01 00 00 00 00 00 00'],
      ['an empty host name', hex('05 01 00 05 01 00 03 00 00 50'), OPEN, '05 00 05 01 00 01 00 00 00 00 00 00'],
    ];
  for (const [what, bytes, options, written] of FAILURES) {
    it(`over ${what} says so, closes, and keeps nothing`, () => {
      const outcome = drive([bytes], options);
      assert.equal(outcome.written, written);
      assert.equal(outcome.state, 'failed');
      assert.deepEqual(
        outcome.effects.map((effect) => effect.do),
        ['close'],
      );
    });

    it(`over ${what} fails the same at every cut`, () => {
      for (let cut = 1; cut < bytes.length; cut += 1) {
        const outcome = drive([bytes.subarray(0, cut), bytes.subarray(cut)], options);
        assert.equal(outcome.written, written, `cut at ${cut}`);
        assert.equal(outcome.state, 'failed', `cut at ${cut}`);
      }
    });
  }

  it('over a wrong password answers 1 and reads no request', () => {
    const outcome = drive([concat(hex('05 01 02'), LOGIN, CONNECT)], CLOSED, false);
    assert.equal(outcome.written, '05 02 01 01');
    assert.equal(outcome.state, 'failed');
    assert.deepEqual(
      outcome.effects.map((effect) => effect.do),
      ['verify', 'close'],
    );
  });

  it('says nothing of what the client sent when it tells why', () => {
    const outcome = drive([concat(hex('05 01 02'), LOGIN)], CLOSED, false);
    const why = outcome.effects.find((effect) => effect.do === 'close');
    assert.ok(why !== undefined && !JSON.stringify(why).includes('secret'));
  });
});

describe('the table', () => {
  const STATES: readonly HandshakeState[] = ['greeting', 'credentials', 'verifying', 'request', 'requested', 'failed'];

  it('reads bytes in the three states that wait for the client, and in no other', () => {
    assert.deepEqual(STATES.filter(readsBytes), ['greeting', 'credentials', 'request']);
  });

  it('takes a verdict only while it waits for one', () => {
    for (const state of STATES.filter((candidate) => candidate !== 'verifying')) {
      assert.throws(() => advance(state, { type: 'verified', accepted: true }, CLOSED), state);
    }
    assert.equal(advance('verifying', { type: 'verified', accepted: true }, CLOSED).state, 'request');
  });

  it('has no place for bytes where it does not read', () => {
    for (const state of STATES.filter((candidate) => !readsBytes(candidate))) {
      assert.throws(() => advance(state, { type: 'bytes', bytes: CONNECT }, CLOSED), state);
    }
  });

  it('never lets a client in without a verdict when it has to say who it is', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (pieces) => {
        const outcome = drive([hex('05 02 00 02'), ...pieces], CLOSED, false);
        assert.ok(!outcome.effects.some((effect) => effect.do === 'request'));
      }),
    );
  });

  it('comes to the same end however hostile bytes are cut', () => {
    const bytes = fc.uint8Array({ maxLength: 80 }).map((rest) => concat(hex('05 01 00'), rest));
    fc.assert(
      fc.property(bytes, fc.nat(80), (input, cut) => {
        const whole = drive([input], OPEN);
        const cutUp = drive([input.subarray(0, cut), input.subarray(cut)], OPEN);
        assert.deepEqual([cutUp.state, cutUp.written], [whole.state, whole.written]);
      }),
    );
  });
});
