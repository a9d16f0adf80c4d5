import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { DepotError } from '../../src/errors.ts';
import {
  decodeWindow,
  encodeFrame,
  encodeJsonFrame,
  encodeWindow,
  FrameReader,
  FrameType,
  MAX_DATA_BYTES,
  MAX_DATAGRAM_BYTES,
  MAX_MESSAGE_BYTES,
  writeHeader,
} from '../../src/link/frames.ts';
import { concat, hex, toHex } from '../support/bytes.ts';
import { frameLog } from '../support/frames.ts';

interface Frame {
  readonly type: FrameType;
  readonly stream: number;
  readonly payload: string;
}

const read = (pieces: readonly Uint8Array[]): Frame[] => {
  const { reader, seen } = frameLog();
  for (const piece of pieces) reader.push(piece);
  return seen.map((frame) => ({ ...frame, payload: toHex(frame.payload) }));
};

const isViolation = (error: unknown): boolean => error instanceof DepotError && error.code === 'protocol-violation';

const types = Object.values(FrameType);
const messageTypes = types.filter((type) => type !== FrameType.data);
const streamId = fc.integer({ min: 0, max: 0xffff_ffff });
const anyFrame = fc.tuple(fc.constantFrom(...types), streamId, fc.uint8Array({ maxLength: 40 }));

describe('the wire format', () => {
  const WIRE: readonly (readonly [what: string, written: Uint8Array, expected: string])[] = [
    ['a frame without payload', encodeFrame(FrameType.fin, 7), '14 00 00 00 00 00 00 07'],
    ['a frame with payload', encodeFrame(FrameType.data, 1, hex('"hi"')), '13 00 00 02 00 00 00 01 68 69'],
    ['the highest stream', encodeFrame(FrameType.fin, 0xffff_ffff), '14 00 00 00 ff ff ff ff'],
    ['a stream beyond 31 bits', encodeFrame(FrameType.fin, 0x8000_0001), '14 00 00 00 80 00 00 01'],
    ['JSON', encodeJsonFrame(FrameType.control, 0, { a: 1 }), '06 00 00 07 00 00 00 00 7b 22 61 22 3a 31 7d'],
    ['a window', encodeWindow(3, 0x0001_0203), '16 00 00 04 00 00 00 03 00 01 02 03'],
    ['the widest window', encodeWindow(3, 0xffff_ffff), '16 00 00 04 00 00 00 03 ff ff ff ff'],
  ];
  for (const [what, written, expected] of WIRE) {
    it(`writes ${what} as ${expected}`, () => assert.equal(toHex(written), expected));
  }

  it('never gives two meanings to one number', () => assert.equal(new Set(types).size, types.length));

  it('gives back every window', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (bytes) => {
        assert.equal(decodeWindow(encodeWindow(1, bytes).subarray(8)), bytes);
      }),
    );
  });

  it('refuses a window of any other length than four bytes', () => {
    for (const length of [0, 3, 5, 8]) assert.throws(() => decodeWindow(new Uint8Array(length)), isViolation);
  });
});

describe('reading frames', () => {
  it('gives the same frames however their bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 8 }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (frames, unsorted) => {
          const bytes = concat(...frames.map(([type, stream, payload]) => encodeFrame(type, stream, payload)));
          const cuts = [0, ...unsorted.toSorted((a, b) => a - b), bytes.length];
          const pieces = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
          assert.deepEqual(read(pieces), read([bytes]));
        },
      ),
    );
  });

  it('gives every frame that was written, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...messageTypes), streamId, fc.uint8Array())), (frames) => {
        const bytes = concat(...frames.map(([type, stream, payload]) => encodeFrame(type, stream, payload)));
        const expected = frames.map(([type, stream, payload]) => ({ type, stream, payload: toHex(payload) }));
        assert.deepEqual(read([bytes]), expected);
      }),
    );
  });

  it('gives the same frames byte by byte, at every offset', () => {
    const bytes = concat(
      encodeJsonFrame(FrameType.open, 1, { some: 'message' }),
      encodeFrame(FrameType.data, 1, hex('01 02 03')),
      encodeFrame(FrameType.fin, 1),
      encodeFrame(FrameType.ping, 0, hex('00 01 02 03 04 05 06 07')),
    );
    const whole = read([bytes]);
    assert.equal(whole.length, 4);
    assert.deepEqual(read([...bytes].map((byte) => Uint8Array.of(byte))), whole);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      assert.deepEqual(read([bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`);
    }
  });

  it('passes data on without waiting for the rest of its frame', () => {
    const frame = encodeFrame(FrameType.data, 9, new Uint8Array(1000).fill(1));
    const pieces: number[] = [];
    const reader = new FrameReader({ data: (_stream, bytes) => pieces.push(bytes.length), frame: () => undefined });
    reader.push(frame.subarray(0, 108));
    assert.deepEqual(pieces, [100]);
    reader.push(frame.subarray(108));
    assert.deepEqual(pieces, [100, 900]);
  });

  it('does not copy data', () => {
    const frame = encodeFrame(FrameType.data, 1, hex('01 02'));
    let given: Uint8Array | undefined;
    const reader = new FrameReader({
      data: (_stream, bytes) => {
        given = bytes;
      },
      frame: () => undefined,
    });
    reader.push(frame);
    assert.equal(given?.buffer, frame.buffer);
  });

  it('says nothing about an empty data frame, and goes on', () => {
    const bytes = concat(encodeFrame(FrameType.data, 1), encodeFrame(FrameType.fin, 1));
    assert.deepEqual(read([bytes]), [{ type: FrameType.fin, stream: 1, payload: '' }]);
  });
});

describe('frames that break the rules', () => {
  it('are every type that has no name', () => {
    const known = new Set<number>(types);
    for (let type = 0; type < 256; type += 1) {
      const header = Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0);
      if (known.has(type)) assert.doesNotThrow(() => read([header]));
      else assert.throws(() => read([header]), isViolation, `type ${type}`);
    }
  });

  for (const type of types) {
    const CAPS = { [FrameType.data]: MAX_DATA_BYTES, [FrameType.datagram]: MAX_DATAGRAM_BYTES };
    const cap = (CAPS as Partial<Record<FrameType, number>>)[type] ?? MAX_MESSAGE_BYTES;
    it(`are those of type ${type} with more than ${cap} bytes, found before any of them is held`, () => {
      const header = new Uint8Array(8);
      writeHeader(header, type, cap, 1);
      assert.deepEqual(read([header]), []);
      writeHeader(header, type, cap + 1, 1);
      assert.throws(() => read([header]), isViolation);
      assert.throws(() => read([header.subarray(0, 5), header.subarray(5)]), isViolation);
    });
  }

  it('are read up to the fault: what came before it is delivered', () => {
    const frames: number[] = [];
    const reader = new FrameReader({ data: () => undefined, frame: (type) => frames.push(type) });
    assert.throws(() => reader.push(concat(encodeFrame(FrameType.fin, 1), new Uint8Array(8))), isViolation);
    assert.deepEqual(frames, [FrameType.fin]);
  });

  it('throw nothing but a protocol violation, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (pieces) => {
        try {
          read(pieces);
        } catch (error) {
          assert.ok(isViolation(error), String(error));
        }
      }),
    );
  });

  it('hold no more than one payload under its cap, also at its largest', () => {
    const payload = new Uint8Array(MAX_MESSAGE_BYTES).fill(0x20);
    const frame = encodeFrame(FrameType.control, 0, payload);
    const lengths: number[] = [];
    const reader = new FrameReader({ data: () => undefined, frame: (_type, _id, bytes) => lengths.push(bytes.length) });
    for (const byte of frame) reader.push(Uint8Array.of(byte));
    assert.deepEqual(lengths, [MAX_MESSAGE_BYTES]);
  });
});
