// CONNECT: resolves the name, asks the rules about each address, dials what is allowed, tells what happened.

import { DepotError } from '../errors.ts';
import type { Connector } from '../net/connector.ts';
import type { Descriptors } from '../net/descriptors.ts';
import { deadline, dial, orAborted, type Resolve } from '../net/dial.ts';
import type { FairShare } from '../net/fair-share.ts';
import { SocketEndpoint } from '../net/socket-endpoint.ts';
import { type Address, canonicalHost, formatAddress, isIP } from '../socks/address.ts';
import { allowedAmong } from './addresses.ts';
import type { Rules } from './rules.ts';
import { stepper } from './steps.ts';

export interface DialerOptions {
  readonly rules: Rules;
  readonly resolve: Resolve;
  /** Read for each request: what there is for name and connection together, in milliseconds. */
  readonly settings: { readonly dialMs: number };
  readonly share: FairShare;
  readonly descriptors: Descriptors;
}

export const createDialer =
  ({ rules, resolve, settings, share, descriptors }: DialerOptions): Connector =>
  async ({ destination, addressRules }, signal, { step: tell, decided }) => {
    const { host, port } = destination;
    const { dialMs } = settings;
    const target = formatAddress(destination);
    const tooLate = (): DepotError => new DepotError('dial-timeout', `${target} did not answer in ${dialMs / 1000} s`);
    const limit = deadline(dialMs, tooLate, signal);
    try {
      const step = stepper(tell);
      const found = await step(
        'dns',
        () => orAborted(resolve(host), limit.signal),
        (addresses) => (isIP(host) ? `${host} is an address` : `${host} is ${addresses.join(', ')}`),
      );
      const { version } = rules;
      const { addresses, reason: rule } = await step(
        'rules',
        () => allowedAmong(found, rules, host, port, addressRules),
        ({ reason }) => reason,
      );
      decided?.(undefined, rule);
      const open = (address: Address): SocketEndpoint => {
        const endpoint = SocketEndpoint.connect(address, share);
        descriptors.endReserved(endpoint.socket);
        return endpoint;
      };
      const stream = await step(
        'dial',
        () => dial(addresses, port, { signal: limit.signal, open }),
        ({ socket }) => `${formatAddress({ host: canonicalHost(socket.remoteAddress ?? ''), port })} answered`,
      );
      const { localAddress = '0.0.0.0', localPort = 0, remoteAddress = '' } = stream.socket;
      const app = { host: canonicalHost(remoteAddress), port };
      // They may have been replaced while we dialed.
      const { allowed: isAllowed, reason } =
        rules.version === version ? { allowed: true, reason: rule } : rules.check(host, app.host, port);
      if (!isAllowed) {
        const error = new DepotError('not-allowed', reason);
        stream.reset(error);
        throw error;
      }
      return { kind: 'stream', bound: { host: canonicalHost(localAddress), port: localPort }, app, stream };
    } finally {
      limit.clear();
    }
  };
