// Whether a request comes from a page of our own. Pure. Two attacks end here: a name of somebody else that leads to our
// address (DNS rebinding), and another page that sends requests with our cookie (CSRF).

import net from 'node:net';

/** The host in a Host header, without its port, in lower case; undefined where there is none. */
const hostOf = (header: string | undefined): string | undefined => {
  const found = /^(?<host>\[[\da-f:.]+\]|[^:[\]/?#@\s]+)(?::\d+)?$/i.exec(header ?? '');
  return found?.groups?.['host']?.toLowerCase();
};

/** An address cannot be rebound; a name has to be one of ours. */
export const isOwnHost = (header: string | undefined, names: readonly string[]): boolean => {
  const host = hostOf(header);
  if (host === undefined) return false;
  return (
    host.startsWith('[') ||
    net.isIPv4(host) ||
    host === 'localhost' ||
    names.some((name) => name.toLowerCase() === host)
  );
};

export interface RequestOrigin {
  readonly host: string | undefined;
  /** What browsers say of themselves. */
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
}

/** The scheme is not compared: TLS may end at a proxy in front of us. */
export const isOwnPage = ({ host, origin, fetchSite }: RequestOrigin): boolean => {
  if (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none') return false;
  if (origin !== undefined)
    return host !== undefined && origin.replace(/^https?:\/\//, '').toLowerCase() === host.toLowerCase();
  // A browser names its origin whenever another page makes it send something; a program has no cookie to lend.
  return true;
};
