// The one idea that holds depot together: something that turns a request into a connection.
// Entry calls one; the router with its tunnels is one, rules with the dialer are one.

import type { AddressRule, CheckedStep } from '../link/messages.ts';
import type { Address } from '../socks/address.ts';
import type { Command } from '../socks/messages.ts';
import type { DatagramEndpoint } from './datagrams.ts';
import type { Endpoint } from './endpoint.ts';

/** What a client asked for. */
export interface Request {
  readonly command: Command;
  readonly destination: Address;
  /** Who asks, as the entry knows it; undefined for an anonymous client. May carry a route: `alice+nas`. */
  readonly user: string | undefined;
  /** The client's IP address. */
  readonly from: string;
  /** Whether it was let in at the entry without having to say who it is. */
  readonly anonymous?: boolean;
  /** In local: what the server's rules say of the addresses that the destination may turn out to have. */
  readonly addressRules?: readonly AddressRule[] | undefined;
}

/** What came of it, by what there is to carry. */
export type Connection = StreamConnection | DatagramConnection | Answer;

/** CONNECT and BIND: an app that has answered, or that has connected. */
interface StreamConnection extends Answered {
  readonly kind: 'stream';
  readonly stream: Endpoint;
}

/** UDP ASSOCIATE: datagrams to as many apps as the client likes. `bound` says nothing; each answer has its own source. */
interface DatagramConnection extends Answered {
  readonly kind: 'datagrams';
  readonly datagrams: DatagramEndpoint;
}

/** RESOLVE and RESOLVE_PTR: the address or the name in `bound` is all there is. */
interface Answer extends Answered {
  readonly kind: 'answer';
}

interface Answered {
  /** BND.ADDR and BND.PORT: for a stream, the dialing side's own socket of the app connection. */
  readonly bound: Address;
  /** The app's own address, where the side that dialed it knows it. */
  readonly app?: Address;
  /** The local that the request went to, where there is one. */
  readonly local?: string;
}

/**
 * Resolves once the app has answered, rejects with a `DepotError` that maps to one REP.
 * Aborting `signal` (the client went away) ends the attempt.
 */
export type Connector = (request: Request, signal: AbortSignal, progress: Progress) => Promise<Connection>;

/** What a connector tells before it resolves. */
export interface Progress {
  /** BIND: the app may connect to this address now. The connection that follows is the app's, and `bound` its address. */
  readonly listening: (bound: Address) => void;
  /** What is about to be asked: the local, where one was chosen (a failure has its local as well), and which rule let it through. */
  readonly decided?: (local: string | undefined, rule: string) => void;
  /** Given where somebody wants to know how far the request comes. Called after each step. */
  readonly step?: ((step: CheckedStep) => void) | undefined;
}
