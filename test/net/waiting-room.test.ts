import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WaitingRoom } from '../../src/net/waiting-room.ts';

class Stranger {
  readonly from: string;
  isOut = false;
  constructor(from: string) {
    this.from = from;
  }
  destroy(): void {
    this.isOut = true;
  }
}

const strangers = (...from: string[]): Stranger[] => from.map((address) => new Stranger(address));
const enterAll = (room: WaitingRoom, all: readonly Stranger[]): boolean[] => {
  for (const one of all) room.enter(one);
  return all.map(({ isOut }) => isOut);
};

describe('those who wait', () => {
  it('beyond the most of one address, the longest of that address goes, and of no other', () => {
    const room = new WaitingRoom({ strangersMax: 10, strangersPerAddressMax: 2 });
    const all = strangers('192.0.2.9', '192.0.2.1', '192.0.2.1', '192.0.2.1');
    assert.deepEqual(enterAll(room, all), [false, true, false, false]);
    assert.equal(room.size, 3);
  });

  it('an IPv6 address counts with the /64 around it', () => {
    const room = new WaitingRoom({ strangersMax: 10, strangersPerAddressMax: 1 });
    const all = strangers('2001:db8::1', '2001:db8:0:0:ffff::2', '2001:db8:0:1::1');
    assert.deepEqual(enterAll(room, all), [true, false, false]);
  });

  it('beyond the most in all, the longest of all goes', () => {
    const room = new WaitingRoom({ strangersMax: 2, strangersPerAddressMax: 2 });
    assert.deepEqual(enterAll(room, strangers('192.0.2.1', '192.0.2.2', '192.0.2.3')), [true, false, false]);
  });

  it('who has left takes no place, and is not ended', () => {
    const room = new WaitingRoom({ strangersMax: 1, strangersPerAddressMax: 1 });
    const [first, second] = strangers('192.0.2.1', '192.0.2.1') as [Stranger, Stranger];
    room.enter(first);
    room.leave(first);
    room.leave(first);
    room.enter(second);
    room.clear();
    assert.deepEqual([first.isOut, second.isOut], [false, true]);
  });
});
