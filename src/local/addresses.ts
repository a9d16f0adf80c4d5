// The addresses of a host that this local lets requests have: what the resolver finds, and the rules allow.

import { DepotError } from '../errors.ts';
import type { Resolve } from '../net/dial.ts';
import type { Rules } from './rules.ts';

/** `port` undefined stands for any port. Rejects with `name-unknown`, or with `not-allowed` where no rule allows any of them. */
export const allowedAddresses = async (
  { resolve, rules }: { readonly resolve: Resolve; readonly rules: Rules },
  host: string,
  port: number | undefined,
): Promise<readonly string[]> => {
  const addresses = await resolve(host);
  const verdicts = addresses.map((address) => ({ address, ...rules.check(host, address, port) }));
  const allowed = verdicts.filter((verdict) => verdict.allowed).map(({ address }) => address);
  if (allowed.length > 0) return allowed;
  throw new DepotError('not-allowed', verdicts.map(({ reason }) => reason).join('; ') || `${host} has no address`);
};
