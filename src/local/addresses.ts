// The addresses of a host that this local lets requests have: what the resolver finds, and both its own rules and the server's allow.

import { DepotError } from '../errors.ts';
import type { AddressRule } from '../link/messages.ts';
import type { Resolve } from '../net/dial.ts';
import { weighAddress } from '../rules/ordered.ts';
import type { Rules } from './rules.ts';

/** `port` undefined stands for any port; the server's rules come with the request. Rejects with `name-unknown`, or with `not-allowed` where no rule allows any of them. */
export const allowedAddresses = async (
  { resolve, rules }: { readonly resolve: Resolve; readonly rules: Rules },
  host: string,
  port: number | undefined,
  addressRules: readonly AddressRule[] = [],
): Promise<readonly string[]> => {
  const addresses = await resolve(host);
  const verdicts = addresses.map((address) => {
    const own = rules.check(host, address, port);
    return { address, ...(own.allowed && addressRules.length > 0 ? weighAddress(addressRules, address) : own) };
  });
  const allowed = verdicts.filter((verdict) => verdict.allowed).map(({ address }) => address);
  if (allowed.length > 0) return allowed;
  throw new DepotError('not-allowed', verdicts.map(({ reason }) => reason).join('; ') || `${host} has no address`);
};
