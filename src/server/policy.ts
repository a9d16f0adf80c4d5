// What the configuration says of who may what, ready for use: rules, groups, rates. Replaced as a whole by a reload.

import type { ServerConfig } from '../config/schema.ts';
import { parsePacHosts } from '../entry/pac-rules.ts';
import { DepotError } from '../errors.ts';
import { type OrderedRule, parseOrderedRule } from '../rules/ordered.ts';
import type { Group } from './router.ts';

export interface Policy {
  /** For everybody, after a user's own. */
  readonly rules: readonly OrderedRule[];
  readonly groups: ReadonlyMap<string, Group>;
  /** What every browser is told to send here besides `*.depot`. */
  readonly pacHosts: readonly OrderedRule[];
  /** Bytes per second and direction; null for no limit. */
  readonly rates: { readonly stream: number | null; readonly local: (name: string) => number | null };
}

/** Throws `invalid-config`. */
export const policyOf = (config: ServerConfig, locals: ReadonlySet<string>): Policy => {
  const groups = new Map(Object.entries(config.groups));
  requireNoNested(groups);
  const both = [...locals].find((name) => groups.has(name));
  if (both !== undefined)
    throw new DepotError('invalid-config', `There is a local and a group called ${both}. Rename the group in groups.`);
  return {
    rules: config.rules.map(parseOrderedRule),
    groups,
    pacHosts: parsePacHosts(config.pacHosts),
    rates: {
      stream: config.streamRateBytes ?? null,
      local: (name) => config.localRates[name] ?? config.localRateBytes ?? null,
    },
  };
};

const requireNoNested = (groups: ReadonlyMap<string, Group>): void => {
  for (const [name, { locals }] of groups) {
    const nested = locals.find((local) => groups.has(local));
    if (nested !== undefined)
      throw new DepotError('invalid-config', `Group ${name} has ${nested} among its locals, which is a group itself.`);
  }
};
