import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualAddresses } from '../../src/server/virtual-addresses.ts';

describe('virtual addresses', () => {
  it('stand for one name each, and are the same again after a restart', () => {
    const [before, after] = [new VirtualAddresses(), new VirtualAddresses()];
    const address = before.addressOf('nas.depot');
    assert.match(address, /^198\.1[89]\.\d+\.\d+$/);
    assert.equal(before.nameOf(address), 'nas.depot');
    assert.notEqual(before.addressOf('pi.nas.depot'), address);
    assert.equal(after.nameOf(address), undefined);
    assert.equal(after.addressOf('nas.depot'), address);
  });

  it('are never shared, however many names there are, and forget the name that was not used for longest', () => {
    const virtual = new VirtualAddresses();
    const first = virtual.addressOf('first.depot');
    const forgotten = virtual.addressOf('forgotten.depot');
    const names = Array.from({ length: 9999 }, (_, index) => `${index}.depot`);
    for (const name of names) {
      virtual.nameOf(first);
      assert.equal(virtual.nameOf(virtual.addressOf(name)), name);
    }
    assert.equal(virtual.nameOf(first), 'first.depot');
    assert.notEqual(virtual.nameOf(forgotten), 'forgotten.depot');
    assert.equal(new Set(names.map((name) => virtual.addressOf(name))).size, names.length);
  });
});
