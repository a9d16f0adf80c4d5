// A port as the fuzzer sees it: who visits it, and what must not come of that.

import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Seeded } from '../../support/seeded.ts';
import { type LinkClient, Type } from '../../support/link-client.ts';
import { mutate, pieces } from './mutate.ts';
import { visit, type Visit } from './visit.ts';
import type { World } from './world.ts';

/** Those who visit a port, for as long as it is fuzzed. */
export interface Visitors extends AsyncDisposable {
  /** One case. Throws where something came of it that must not. */
  readonly visit: (chance: Seeded) => Promise<Visit>;
  /** What has to hold once all of them are through, besides what holds for the world. */
  readonly check?: () => Promise<void>;
}

export interface Port {
  readonly name: string;
  /** Its part of all cases. */
  readonly share: number;
  readonly sideBySide: number;
  readonly arrive: (world: World) => Promise<Visitors>;
}

/** How many of a hundred visitors do not say that they are through. */
const LINGERING_PERCENT = 2;

/** Says something spoilt, whole or in pieces, and stays until it is shown out. */
export const speak = (
  socket: Duplex,
  seeds: readonly Buffer[],
  chance: Seeded,
  deadlineMs: number,
  lingeringPercent = LINGERING_PERCENT,
): Promise<Visit> => {
  const parts = pieces(mutate(seeds, chance), chance);
  return visit(socket, parts, chance.below(100) >= lingeringPercent, deadlineMs);
};

/** Nobody else's address, so that what one visitor did does not slow the next one down. */
export const anySource = (chance: Seeded): string =>
  `127.${1 + chance.below(250)}.${chance.below(250)}.${1 + chance.below(250)}`;

/** Resolves when the socket is closed, however that came. */
export const closed = async (socket: Duplex): Promise<void> => {
  if (!socket.closed) await once(socket, 'close').catch(() => undefined);
};

/** Resolves when a stream was opened on this tunnel, or will not be any more. */
export const opened = async (tunnel: LinkClient, mostMs: number): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, mostMs);
  tunnel.next(Type.open).then(
    () => resolve(),
    () => resolve(),
  );
  await promise;
  clearTimeout(timer);
};

/** The other side never blames itself. */
export const checked = (visit: Visit): Visit => {
  const text = visit.answer.toString('latin1');
  if (text.includes('"code":"internal"')) throw new Error(`met a mistake of ours: ${text}`);
  return visit;
};
