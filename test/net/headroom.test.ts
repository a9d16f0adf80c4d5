import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HEADER_BYTES } from '../../src/link/frames.ts';
import { allocateWithHeadroom, withHeadroom } from '../../src/net/headroom.ts';
import { randomData } from '../support/endpoints.ts';

describe('room for a header before a piece', () => {
  it('is there for a piece from the beginning, and writing into it leaves the piece as it is', () => {
    const memory = allocateWithHeadroom(1000);
    const data = randomData(600);
    memory.set(data);
    const whole = withHeadroom(memory.subarray(0, 600));
    assert.ok(whole);
    assert.equal(whole.length, HEADER_BYTES + 600);
    whole.fill(0xff, 0, HEADER_BYTES);
    assert.ok(memory.subarray(0, 600).equals(data));
    assert.ok(Buffer.from(whole.subarray(HEADER_BYTES)).equals(data));
  });

  it('is not there for a later piece, whose room is the end of the one before', () => {
    const memory = allocateWithHeadroom(1000);
    assert.equal(withHeadroom(memory.subarray(10)), undefined);
    assert.equal(withHeadroom(memory.subarray(HEADER_BYTES)), undefined);
  });

  it('is not there in memory of somebody else, even where a piece begins at the same place', () => {
    assert.equal(withHeadroom(new Uint8Array(new ArrayBuffer(100), HEADER_BYTES)), undefined);
    assert.equal(withHeadroom(randomData(100)), undefined);
  });
});
