// The proxy auto-configuration file: tells a browser to send *.depot here and nothing else. Pure.

import { formatAddress } from '../socks/address.ts';
import { parseAuthority } from './http-target.ts';

export const PAC_PATH = '/proxy.pac';
export const PAC_TYPE = 'application/x-ns-proxy-autoconfig';

export interface PacProxy {
  readonly host: string;
  readonly port: number;
  /** Whether the browser speaks TLS with the proxy. */
  readonly secure: boolean;
}

/** The text. Names under .depot never go anywhere else: they mean nothing to others, and need not be known to them. */
export const pacFor = ({ host, port, secure }: PacProxy): string => `function FindProxyForURL(url, host) {
  if (/\\.depot\\.?$/i.test(host)) return "${secure ? 'HTTPS' : 'PROXY'} ${formatAddress({ host, port })}";
  return "DIRECT";
}
`;

export interface AskedFor {
  /** The Host field of whoever asks. */
  readonly hostHeader: string | undefined;
  /** What the operator says this host is called, where that was said. */
  readonly advertised: string | undefined;
  /** The address and port that the connection came in on. */
  readonly own: { readonly host: string; readonly port: number };
  readonly secure: boolean;
}

/**
 * How whoever asks reaches this entry. The Host field goes into a program that a browser runs, so it counts only where
 * it is nothing but a host and a port; the name that the operator gave counts more. Its port may differ from ours
 * where a router forwards it.
 */
export const pacProxyOf = ({ hostHeader = '', advertised, own, secure }: AskedFor): PacProxy => {
  const asked = parseAuthority(hostHeader, secure ? 443 : 80);
  return { host: advertised ?? asked?.host ?? own.host, port: asked?.port ?? own.port, secure };
};
