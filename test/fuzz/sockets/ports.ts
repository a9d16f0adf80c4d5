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
  /** Many ports at the same time. */
  readonly together: boolean;
}

type Attempt = (name: string, act: () => Promise<string>) => Promise<void>;

/** Who is let in has only so long to say who they are, and the crowd of those who are not takes all of the processor. */
const WAVES: readonly (readonly Port[])[] = [STRANGERS_PORTS, [...INSIDER_PORTS, ...HOSTILE_SERVER_PORTS]];

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

/**
 * Sends visitors to every port: to one after the other, each with a look at the world behind it, or to many at the same
 * time with one look in the end, which is quicker, for much of it is waiting.
 */
export const fuzzPorts = async (options: FuzzOptions, attempt: Attempt): Promise<void> => {
  await using world = await World.start();
  const run = (port: Port): Promise<void> =>
    attempt(port.name, async () => {
      const cases = Math.ceil(options.cases * port.share);
      const startedMs = performance.now();
      await runPort(world, port, { ...options, cases });
      const seconds = (performance.now() - startedMs) / 1000;
      if (!options.together) await world.check();
      return `${cases} cases, ${Math.round(cases / seconds)} a second`;
    });
  if (options.together) {
    for (const ports of WAVES) await Promise.all(ports.map(run));
    await attempt('what is left after all that', () => world.check().then(() => 'all is well'));
  } else for (const port of WAVES.flat()) await run(port);
};
