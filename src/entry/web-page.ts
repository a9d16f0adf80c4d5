// Tells whether a request for one of our ports can have been sent by a web page. Pure.
//
// A page that a browser on this machine shows can send requests to its loopback ports, and read what comes back where
// the name in its own address bar was made to point there (DNS rebinding). What it cannot do is leave out what the
// browser puts in: the Host that it was told, an Origin, and where the request came from (Fetch Metadata).

import type { IncomingHttpHeaders } from 'node:http';
import { isLoopbackHost } from '../socks/address.ts';
import { parseAuthority } from './http-target.ts';

const HTTP_PORT = 80;

export const maybeFromWebPage = (headers: IncomingHttpHeaders): boolean => {
  const named = parseAuthority(headers.host ?? '', HTTP_PORT);
  return named === undefined || !isLoopbackHost(named.host) || isSentByPage(headers);
};

/** Whether a browser says that a page made it ask. "none": a person typed the address. */
export const isSentByPage = ({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean =>
  origin !== undefined || (site !== undefined && site !== 'none');
