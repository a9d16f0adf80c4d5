// The addresses of a host that this local lets requests have: what the resolver finds, and both its own rules and the server's allow.

import { DepotError } from '../errors.ts';
import type { AddressRule } from '../link/messages.ts';
import type { Resolve } from '../net/dial.ts';
import { weighAddress } from '../rules/ordered.ts';
import type { Rules } from './rules.ts';

export interface Allowed {
  readonly addresses: readonly string[];
  /** Which rules let each of them. */
  readonly reason: string;
}

/**
 * Of the addresses that a host has, those that both the rules here and the server's, which come with the request, allow.
 * `port` undefined stands for any port. Throws `not-allowed` where there is none.
 */
export const allowedAmong = (
  found: readonly string[],
  rules: Rules,
  host: string,
  port: number | undefined,
  addressRules: readonly AddressRule[] = [],
): Allowed => {
  const verdicts = found.map((address) => {
    const own = rules.check(host, address, port);
    return { address, ...(own.allowed && addressRules.length > 0 ? weighAddress(addressRules, address) : own) };
  });
  const allowed = verdicts.filter((verdict) => verdict.allowed);
  const reasons = (allowed.length > 0 ? allowed : verdicts).map(({ reason }) => reason).join('; ');
  if (allowed.length > 0) return { addresses: allowed.map(({ address }) => address), reason: reasons };
  throw new DepotError('not-allowed', reasons || `${host} has no address`);
};

/** Looks the host up as well. Rejects with `name-unknown` or `not-allowed`. */
export const allowedAddresses = async (
  { resolve, rules }: { readonly resolve: Resolve; readonly rules: Rules },
  host: string,
  port: number | undefined,
  addressRules?: readonly AddressRule[],
): Promise<readonly string[]> => allowedAmong(await resolve(host), rules, host, port, addressRules).addresses;
