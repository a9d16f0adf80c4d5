// The one idea that holds depot together: something that turns a request into a connection.
// Entry calls one; the router with its tunnels is one, rules with the dialer are one.

import type { Address } from '../socks/address.ts';
import type { Endpoint } from './endpoint.ts';

/** What a client asked for. */
export interface Request {
  readonly command: 'connect';
  readonly destination: Address;
  /** Who asks, as the entry knows it; undefined for an anonymous client. May carry a route: `alice+nas`. */
  readonly user: string | undefined;
  /** The client's IP address. */
  readonly from: string;
}

/** What came of it. */
export interface Connection {
  /** The dialing side's own socket of the app connection (BND.ADDR and BND.PORT). */
  readonly bound: Address;
  readonly stream: Endpoint;
  /** The local that the stream runs through, where there is one. */
  readonly local?: string;
}

/**
 * Resolves once the app has answered, rejects with a `DepotError` that maps to one REP.
 * Aborting `signal` (the client went away) ends the attempt.
 */
export type Connector = (request: Request, signal: AbortSignal) => Promise<Connection>;
