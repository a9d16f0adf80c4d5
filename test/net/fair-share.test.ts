import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FairShare } from '../../src/net/fair-share.ts';
import { turns } from '../support/endpoints.ts';

const KIB = 1024;

interface Busy {
  /** What each socket has read. */
  readonly bytes: readonly number[];
  /** How much was read at once in the end. */
  readonly piece: number;
}

/** Sockets that always have more: each reads its share as often as it may, until so many turns are over. */
const busy = async (share: FairShare, sockets: number, rounds: number): Promise<Busy> => {
  const bytes = Array<number>(sockets).fill(0);
  let piece = 0;
  let open = true;
  const readOn = (index: number): void => {
    if (!open) return;
    const read = share.bytes;
    piece = read;
    bytes[index] = (bytes[index] ?? 0) + read;
    // What was resumed is read in the next turn of the loop.
    setImmediate(() => share.admit(read, { resume: () => readOn(index) }));
  };
  for (let index = 0; index < sockets; index += 1) readOn(index);
  await turns(rounds);
  open = false;
  await turns(3);
  return { bytes, piece };
};

describe('the share of each socket in a turn', () => {
  it('lets a socket that is alone read a lot at once', async () => {
    const share = new FairShare();
    const before = share.bytes;
    const { piece } = await busy(share, 1, 20);
    assert.ok(before > 256 * KIB && piece > 128 * KIB, `${before} and ${piece}`);
  });

  it('makes pieces smaller when many are busy, but never tiny', async () => {
    const { piece } = await busy(new FairShare(), 40, 20);
    assert.equal(piece, 128 * KIB);
  });

  it('gives all busy sockets the same', async () => {
    const { bytes } = await busy(new FairShare(), 8, 200);
    const [least, most] = [Math.min(...bytes), Math.max(...bytes)];
    assert.ok(least > 0 && most - least <= 2 * 256 * KIB, `${least} and ${most}`);
  });

  it('holds what all read in one turn to a bound, and makes the others wait for the next one', async () => {
    const share = new FairShare();
    let resumed = 0;
    for (let index = 0; index < 20; index += 1) share.admit(128 * KIB, { resume: () => (resumed += 1) });
    assert.equal(resumed, 3);
    await turns(1);
    assert.ok(resumed > 3 && resumed <= 6, String(resumed));
    await turns(20);
    assert.equal(resumed, 20);
  });

  it('never makes a quiet socket wait, however many busy ones do', () => {
    const share = new FairShare();
    for (let index = 0; index < 20; index += 1) share.admit(128 * KIB, { resume: () => undefined });
    let resumed = false;
    share.admit(64, { resume: () => (resumed = true) });
    assert.ok(resumed);
  });
});
