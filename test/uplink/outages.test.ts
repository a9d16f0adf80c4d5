import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { Outages } from '../../src/uplink/outages.ts';

const LOST = new DepotError('connection-lost', 'the line was cut');
const REFUSED = new DepotError('connection-refused', 'nobody listens');

describe('outages', () => {
  it('say when and why a link was lost, how often it was tried meanwhile, and when it was back', () => {
    const outages = new Outages();
    outages.over(1);
    assert.deepEqual(outages.list, []);
    outages.lost(10, LOST);
    outages.failed(11, REFUSED);
    outages.failed(12, REFUSED);
    const cut = { from: 10, until: null, code: 'connection-lost', reason: 'the line was cut', attempts: 2 };
    assert.deepEqual(outages.list, [cut]);
    outages.over(13);
    outages.over(14);
    assert.deepEqual(outages.list, [{ ...cut, until: 13 }]);
  });

  it('begin with an attempt where there never was a link', () => {
    const outages = new Outages();
    outages.failed(1, REFUSED);
    outages.failed(2, REFUSED);
    assert.deepEqual(outages.list, [
      { from: 1, until: null, code: 'connection-refused', reason: 'nobody listens', attempts: 2 },
    ]);
  });

  it('are bounded, the newest first', () => {
    const outages = new Outages();
    for (let at = 0; at < 60; at += 2) {
      outages.lost(at, LOST);
      outages.over(at + 1);
    }
    assert.equal(outages.list.length, 20);
    assert.equal(outages.list[0]?.from, 58);
  });
});
