import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../src/config/nearest.ts';

test('a slip is known, and what is far from everything is none', () => {
  assert.equal(nearest('sockPort', ['socksPort', 'controlPort']), 'socksPort');
  assert.equal(nearest('nonsense', ['server', 'local', 'client']), undefined);
  assert.equal(nearest('anything', []), undefined);
});

test('letters that changed places are a slip of what has the same letters', () => {
  assert.equal(nearest('tunnels-mni', ['tunnels-max', 'tunnels-min']), 'tunnels-min');
});
