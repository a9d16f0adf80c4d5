// Valid conversations, spoilt: what a broken program or a patient attacker sends.

import type { Seeded } from '../../support/seeded.ts';

/** Bytes that mean something somewhere: versions, commands, address types, lengths at their edges, ends of lines. */
const TELLING = [
  0, 1, 2, 3, 4, 5, 6, 0x0a, 0x0d, 0x10, 0x13, 0x16, 0x17, 0x20, 0x3a, 0x7b, 0x7f, 0x80, 0xf0, 0xfe, 0xff,
];
const LONGEST_JUNK = 4000;
const MOST_CHANGES = 6;

type Change = (bytes: Buffer, chance: Seeded, others: readonly Buffer[]) => Buffer;

const within = (bytes: Buffer, chance: Seeded): number => chance.below(bytes.length + 1);
const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

const replace: Change = (bytes, chance) => {
  const at = within(bytes, chance);
  const byte = chance.below(2) === 0 ? chance.pick(TELLING) : chance.below(256);
  return join(bytes.subarray(0, at), Buffer.from([byte]), bytes.subarray(at + 1));
};
const flip: Change = (bytes, chance) => {
  const copy = Buffer.from(bytes);
  const at = chance.below(Math.max(1, bytes.length));
  if (at < copy.length) copy.writeUInt8(copy.readUInt8(at) ^ (1 << chance.below(8)), at);
  return copy;
};
const remove: Change = (bytes, chance) => {
  const at = within(bytes, chance);
  return join(bytes.subarray(0, at), bytes.subarray(at + 1 + chance.below(8)));
};
const insert: Change = (bytes, chance) => {
  const at = within(bytes, chance);
  const length = Math.floor(LONGEST_JUNK ** chance.fraction());
  return join(bytes.subarray(0, at), chance.bytes(length), bytes.subarray(at));
};
const repeat: Change = (bytes, chance) => {
  const at = within(bytes, chance);
  const piece = bytes.subarray(at, at + 1 + chance.below(64));
  return join(bytes.subarray(0, at), ...Array.from({ length: 1 + chance.below(20) }, () => piece), bytes.subarray(at));
};
const truncate: Change = (bytes, chance) => bytes.subarray(0, within(bytes, chance));
const splice: Change = (bytes, chance, others) => {
  const other = chance.pick(others);
  return join(bytes.subarray(0, within(bytes, chance)), other.subarray(within(other, chance)));
};

const CHANGES: readonly Change[] = [replace, replace, flip, flip, remove, insert, repeat, truncate, splice];

/** One of the seeds with a few changes. */
export const mutate = (seeds: readonly Buffer[], chance: Seeded): Buffer => {
  let bytes = chance.pick(seeds);
  for (let left = 1 + chance.below(MOST_CHANGES); left > 0; left -= 1)
    bytes = chance.pick(CHANGES)(bytes, chance, seeds);
  return bytes;
};

/** In one piece, in a few, or byte by byte. */
export const pieces = (bytes: Buffer, chance: Seeded): Buffer[] => {
  const count = chance.pick([1, 1, 2, 5]);
  const places = Array.from({ length: count - 1 }, () => within(bytes, chance)).sort((a, b) => a - b);
  return [...places, bytes.length].map((end, index) => bytes.subarray(places[index - 1] ?? 0, end));
};
