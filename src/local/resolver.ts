// What local tells of names and addresses: RESOLVE and RESOLVE_PTR of Tor's socks-extensions.
// What nobody may connect to here, nobody needs to know: the rules decide as they do for a connection, on any port.

import { DepotError } from '../errors.ts';
import type { Connector } from '../net/connector.ts';
import { deadline, orAborted, type Resolve, type Reverse } from '../net/dial.ts';
import { isIPv4 } from '../socks/address.ts';
import { allowedAddresses } from './addresses.ts';
import type { Rules } from './rules.ts';

export interface ResolverOptions {
  readonly rules: Rules;
  readonly resolve: Resolve;
  readonly reverse: Reverse;
  /** Read for each request, in milliseconds. */
  readonly settings: { readonly dialMs: number };
}

const within = async <T>(work: Promise<T>, host: string, dialMs: number, signal: AbortSignal): Promise<T> => {
  const tooLate = (): DepotError => new DepotError('dial-timeout', `nobody answered for ${host} in ${dialMs / 1000} s`);
  const limit = deadline(dialMs, tooLate, signal);
  try {
    return await orAborted(work, limit.signal);
  } finally {
    limit.clear();
  }
};

/** One address of a name. IPv4 where there is one: a client cannot say which family it wants, and IPv4 suits them all. */
export const createResolver =
  (options: ResolverOptions): Connector =>
  async ({ destination: { host }, addressRules }, signal) => {
    const allowed = await within(
      allowedAddresses(options, host, undefined, addressRules),
      host,
      options.settings.dialMs,
      signal,
    );
    return { kind: 'answer', bound: { host: allowed.find(isIPv4) ?? allowed[0] ?? host, port: 0 } };
  };

/** The name of an address. */
export const createReverseResolver =
  ({ rules, reverse, settings }: ResolverOptions): Connector =>
  async ({ destination: { host } }, signal) => {
    const { allowed, reason } = rules.check(host, host, undefined);
    if (!allowed) throw new DepotError('not-allowed', reason);
    const name = await within(reverse(host), host, settings.dialMs, signal);
    return { kind: 'answer', bound: { host: name, port: 0 } };
  };
