// Where an HTTP request wants to go: the authority of CONNECT and the absolute-form of everything else
// (RFC 9112, section 3.2). The path is passed on as it came, so nothing here rewrites it. Pure.

import { type Address, canonicalHost, isIPv6 } from '../socks/address.ts';

const HTTP_PORT = 80;
const LONGEST_HOST = 255;

const AUTHORITY = /^(?:\[(?<ipv6>[\da-f:.]+)\]|(?<host>[a-z\d._-]+))(?::(?<port>\d{1,5}))?$/i;
/** Scheme and authority; then path and query, as they came. A fragment has no place in a request. */
const ABSOLUTE = /^http:\/\/(?<authority>[^/?#@]*)(?<path>[/?][^#]*)?$/i;

/** `host:port`, IPv6 in brackets. Undefined where it is none, or where it has no port and there is no default. */
export const parseAuthority = (text: string, defaultPort?: number): Address | undefined => {
  const { ipv6, host, port } = AUTHORITY.exec(text)?.groups ?? {};
  const number = port === undefined ? defaultPort : Number(port);
  const name = canonicalHost(ipv6 ?? host ?? '');
  if (number === undefined || number < 1 || number > 65_535 || name === '' || name.length > LONGEST_HOST)
    return undefined;
  if (ipv6 !== undefined && !isIPv6(ipv6)) return undefined;
  return { host: name, port: number };
};

export interface AbsoluteTarget {
  readonly destination: Address;
  /** What the app's Host field has to be: the authority, as the client wrote it. */
  readonly host: string;
  /** Path and query, for the request line to the app. */
  readonly path: string;
}

/** `http://HOST[:PORT]/PATH?QUERY`. */
export const parseAbsoluteForm = (target: string): AbsoluteTarget | undefined => {
  const { authority = '', path = '/' } = ABSOLUTE.exec(target)?.groups ?? {};
  const destination = parseAuthority(authority, HTTP_PORT);
  if (destination === undefined) return undefined;
  return { destination, host: authority, path: path.startsWith('/') ? path : `/${path}` };
};
