// BIND in local: waits for one connection of an app, at an address that the app can reach.
// Opening a port to the private network is more than dialing out, so it needs a rule of its own.

import { DepotError } from '../errors.ts';
import { addressTowards, awaitConnection } from '../net/await-connection.ts';
import type { Connector } from '../net/connector.ts';
import type { Descriptors } from '../net/descriptors.ts';
import { deadline, orAborted, type Resolve } from '../net/dial.ts';
import type { FairShare } from '../net/fair-share.ts';
import { SocketEndpoint } from '../net/socket-endpoint.ts';
import { canonicalHost, formatAddress } from '../socks/address.ts';
import type { Verdict } from '../rules/rule.ts';
import type { Rules } from './rules.ts';

export interface BinderOptions {
  readonly rules: Rules;
  readonly resolve: Resolve;
  readonly share: FairShare;
  readonly descriptors: Descriptors;
  /** Read for each request: how long the app may take to connect, in milliseconds. */
  readonly settings: { readonly bindMs: number };
}

/** A client that does not say who will connect; and an address of its family that is far away, to find ours. */
const ANYBODY: Readonly<Record<string, string>> = { '0.0.0.0': '192.0.2.1', '::': '2001:db8::1' };

/** May what has connected stay? Where the client did not say who will connect, everybody is what was asked about. */
export const mayStayBound = (rules: Rules, host: string, app: string): Verdict =>
  rules.checkBind(host, host in ANYBODY ? host : app);

export const createBinder =
  ({ rules, resolve, share, settings, descriptors }: BinderOptions): Connector =>
  async ({ destination }, signal, { listening }) => {
    const { host } = destination;
    const { bindMs } = settings;
    const tooLate = (): DepotError =>
      new DepotError('dial-timeout', `${formatAddress(destination)} did not connect in ${bindMs / 1000} s`);
    const limit = deadline(bindMs, tooLate, signal);
    const { version } = rules;
    try {
      const isAnybody = host in ANYBODY;
      const addresses = isAnybody ? [host] : await orAborted(resolve(host), limit.signal);
      const verdicts = addresses.map((address) => ({ address, ...rules.checkBind(host, address) }));
      const allowed = verdicts.filter((verdict) => verdict.allowed);
      const [first] = allowed;
      if (first === undefined)
        throw new DepotError(
          'not-allowed',
          verdicts.map(({ reason }) => reason).join('; ') || `${host} has no address`,
        );
      const shortage = descriptors.shortage();
      if (shortage !== undefined) throw shortage;
      const expected = new Set(allowed.map(({ address }) => canonicalHost(address)));
      const socket = await awaitConnection(
        {
          host: await addressTowards(ANYBODY[host] ?? first.address),
          ports: first.ports,
          isExpected: (from) => isAnybody || expected.has(from),
        },
        limit.signal,
        listening,
      );
      const { remoteAddress = '', remotePort = 0 } = socket;
      const bound = { host: canonicalHost(remoteAddress), port: remotePort };
      // They may have been replaced while we waited.
      const { allowed: isAllowed, reason } =
        rules.version === version ? { allowed: true, reason: '' } : mayStayBound(rules, host, bound.host);
      if (!isAllowed) {
        socket.resetAndDestroy();
        throw new DepotError('not-allowed', reason);
      }
      return { kind: 'stream', bound, app: bound, stream: SocketEndpoint.accept(socket, share) };
    } finally {
      limit.clear();
    }
  };
