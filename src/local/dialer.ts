// CONNECT: resolves the name, asks the rules about each address, dials what is allowed, tells what happened.

import { DepotError } from '../errors.ts';
import type { Connector } from '../net/connector.ts';
import { deadline, dial, orAborted, type Resolve } from '../net/dial.ts';
import type { FairShare } from '../net/fair-share.ts';
import { SocketEndpoint } from '../net/socket-endpoint.ts';
import { canonicalHost, formatAddress } from '../socks/address.ts';
import { allowedAddresses } from './addresses.ts';
import type { Rules } from './rules.ts';

export interface DialerOptions {
  readonly rules: Rules;
  readonly resolve: Resolve;
  /** For name and connection together, in milliseconds. */
  readonly dialMs: number;
  readonly share: FairShare;
}

export const createDialer =
  ({ rules, resolve, dialMs, share }: DialerOptions): Connector =>
  async ({ destination, addressRules }, signal) => {
    const { host, port } = destination;
    const target = formatAddress(destination);
    const tooLate = (): DepotError => new DepotError('dial-timeout', `${target} did not answer in ${dialMs / 1000} s`);
    const limit = deadline(dialMs, tooLate, signal);
    try {
      const allowed = await orAborted(allowedAddresses({ resolve, rules }, host, port, addressRules), limit.signal);
      const open = (address: { host: string; port: number }): SocketEndpoint => SocketEndpoint.connect(address, share);
      const stream = await dial(allowed, port, { signal: limit.signal, open });
      const { localAddress = '0.0.0.0', localPort = 0 } = stream.socket;
      return { kind: 'stream', bound: { host: canonicalHost(localAddress), port: localPort }, stream };
    } finally {
      limit.clear();
    }
  };
