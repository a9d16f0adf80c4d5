// What a codec or a table has to keep to, whatever comes.

import * as fc from 'fast-check';
import { DepotError, type ErrorCode } from '../../../src/errors.ts';

export interface Property {
  readonly name: string;
  /** Throws where `count` cases from this seed find one that breaks it. */
  readonly check: (seed: number, count: number) => void;
}

/** No case of pure code takes as long as this. One that does is a hang. */
const LONGEST_MS = 1000;

export const property = <T extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  holds: (...values: T) => void,
): Property => ({
  name,
  check: (seed, numRuns) => {
    const timed = (...values: T): void => {
      const startedMs = performance.now();
      holds(...values);
      const tookMs = performance.now() - startedMs;
      if (tookMs > LONGEST_MS) throw new Error(`took ${Math.round(tookMs)} ms`);
    };
    fc.assert(fc.property(...arbitraries, timed), { seed, numRuns });
  },
});

/** What `act` came to, its documented error included. Every other error is a finding. */
export const outcome = <T>(act: () => T, code: ErrorCode): { readonly value: T } | { readonly error: string } => {
  try {
    return { value: act() };
  } catch (error) {
    if (error instanceof DepotError && error.code === code) return { error: error.message };
    throw error;
  }
};

export const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength, size: 'max' });

/** Where a stream is cut, as fractions of its length. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
  maxLength: 12,
});

export const cut = (stream: Uint8Array, at: readonly number[]): Uint8Array[] => {
  const places = at.map((fraction) => Math.floor(fraction * stream.length)).sort((a, b) => a - b);
  return [...places, stream.length].map((end, index) => stream.subarray(places[index - 1] ?? 0, end));
};

/** Some bytes of it are others, some are missing: what a broken or hostile peer makes of a valid message. */
export const changes: fc.Arbitrary<readonly (readonly [at: number, byte: number | undefined])[]> = fc.array(
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined })),
  { maxLength: 4 },
);

export const changed = (
  message: Uint8Array,
  what: readonly (readonly [at: number, byte: number | undefined])[],
): Uint8Array => {
  const list = [...message];
  for (const [at, byte] of what) list.splice(Math.floor(at * list.length), 1, ...(byte === undefined ? [] : [byte]));
  return Uint8Array.from(list);
};
