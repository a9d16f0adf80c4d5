// The PAC file at the web port: names the entry as the browser that asks here reaches it. The browser sends no password
// for a PAC file, so it holds what is for everybody.

import type { ServerConfig } from '../config/schema.ts';
import { parseAuthority } from '../entry/http-target.ts';
import { PAC_HEADERS, PAC_PATH, pacFor } from '../entry/pac.ts';
import type { OrderedRule } from '../rules/ordered.ts';
import { isLoopbackHost } from '../socks/address.ts';
import type { PublicFile } from '../watch/pages.ts';
import { advertisedHost, isAnyAddress } from './state.ts';

/**
 * What the operator says this host is called counts most, then the one address that the entry listens on, then the name
 * that the browser used. A loopback name may be the end of an ssh tunnel, where there is no entry.
 */
const hostOf = (config: ServerConfig, hostHeader: string | undefined): string => {
  const { advertise, host, socksHost = host } = config;
  if (advertise !== undefined) return advertise;
  if (!isAnyAddress(socksHost)) return socksHost;
  const asked = parseAuthority(hostHeader ?? '', 80)?.host;
  return asked === undefined || isLoopbackHost(asked) ? advertisedHost(config) : asked;
};

export const webPac = (config: ServerConfig, socksPort: number, rules: () => readonly OrderedRule[]): PublicFile => ({
  path: PAC_PATH,
  headers: PAC_HEADERS,
  // Browsers trust the certificate that the operator gave; that of the server's own key only where they were told to.
  text: (hostHeader) =>
    pacFor({ host: hostOf(config, hostHeader), port: socksPort, secure: config.tlsCertificate !== undefined }, rules()),
});
