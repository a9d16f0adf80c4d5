// Visitors who say nonsense at every port of a depot that runs as processes of its own.

import { Seeded } from '../../support/seeded.ts';
import { HOSTILE_SERVER_PORTS } from './hostile-server.ts';
import { INSIDER_PORTS } from './insiders.ts';
import type { Port } from './port.ts';
import { STRANGERS_PORTS } from './strangers.ts';
import { World } from './world.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** In all; each port has its share. */
  readonly cases: number;
  /** The number of the first case of each port; the others follow. */
  readonly from: number;
}

type Attempt = (name: string, act: () => Promise<string>) => Promise<void>;

const PORTS: readonly Port[] = [...STRANGERS_PORTS, ...INSIDER_PORTS, ...HOSTILE_SERVER_PORTS];

const runPort = async (world: World, { name, sideBySide, arrive }: Port, options: FuzzOptions): Promise<void> => {
  const { seed, from, cases } = options;
  await using visitors = await arrive(world);
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < from + cases) {
      const number = next;
      next += 1;
      try {
        const { hung } = await visitors.visit(new Seeded(`fuzz ${seed} ${name} ${number}`));
        if (hung) throw new Error('left open beyond its deadline');
      } catch (cause) {
        throw new Error(`case ${number}: ${String(cause)}`, { cause });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(sideBySide, cases) }, worker));
  await visitors.check?.();
};

/** Sends visitors to every port, in turn. */
export const fuzzPorts = async (options: FuzzOptions, attempt: Attempt): Promise<void> => {
  await using world = await World.start();
  for (const port of PORTS) {
    await attempt(port.name, async () => {
      const cases = Math.ceil(options.cases * port.share);
      const startedMs = performance.now();
      await runPort(world, port, { ...options, cases });
      const seconds = (performance.now() - startedMs) / 1000;
      await world.check();
      return `${cases} cases, ${Math.round(cases / seconds)} a second`;
    });
  }
};
