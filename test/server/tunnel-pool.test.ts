import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { spareAmong } from '../../src/server/tunnel-pool.ts';

const MIN = 4;
/** Longer than demand is remembered. */
const LONG_MS = 4000;
const NEVER = Number.NEGATIVE_INFINITY;

interface FakeTunnel {
  readonly name: number;
  streams: number;
  usedAtMs: number;
}

/** So many tunnels, the first of them busy. */
const tunnels = (count: number, busy = 0, usedAtMs = NEVER): FakeTunnel[] =>
  Array.from({ length: count }, (_, name) => ({ name, streams: name < busy ? 1 : 0, usedAtMs }));

const namesOf = (given: readonly FakeTunnel[]): number[] => given.map(({ name }) => name);

/** A burst takes the first idle tunnels, as many as it needs, and is over at once. */
const burst = (all: readonly FakeTunnel[], size: number, atMs: number): void => {
  for (const tunnel of all.slice(0, size)) tunnel.usedAtMs = atMs;
};

describe('which tunnels are given up', () => {
  it('none of those that are kept ready', () => {
    assert.deepEqual(spareAmong(tunnels(MIN), MIN, 0), []);
    assert.deepEqual(spareAmong(tunnels(MIN - 1), MIN, 0), []);
  });

  it('none that carries a stream, however long that has run', () => {
    assert.deepEqual(spareAmong(tunnels(20 + MIN, 20, 0), MIN, 1_000_000), []);
  });

  it('all beyond those as soon as demand is not remembered any more, the longest idle first', () => {
    const all = tunnels(20);
    burst(all, 20, 0);
    burst(all, 10, 100);
    assert.deepEqual(
      namesOf(spareAmong(all, MIN, LONG_MS)),
      [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 1, 2, 3, 4, 5],
    );
  });

  it('none while bursts of the same size come every few seconds', () => {
    const all = tunnels(10 + MIN);
    for (let atMs = 0; atMs < 60_000; atMs += 3000) {
      burst(all, 10, atMs);
      for (const later of [0, 500, 2999]) assert.deepEqual(spareAmong(all, MIN, atMs + later), []);
    }
  });

  it('those that smaller bursts do not need', () => {
    const all = tunnels(10 + MIN);
    burst(all, 10, 0);
    burst(all, 3, LONG_MS);
    const spare = spareAmong(all, MIN, LONG_MS + 500);
    assert.equal(spare.length, 10 - 3);
    assert.ok(spare.every(({ name }) => name >= 3));
  });
});
