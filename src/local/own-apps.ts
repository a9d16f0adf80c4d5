// CONNECT for a program that embeds a local and is the app itself: it is asked before anything is dialed.

import type { Duplex } from 'node:stream';
import { asDepotError } from '../errors.ts';
import type { Connector } from '../net/connector.ts';
import { orAborted } from '../net/dial.ts';
import { DuplexEndpoint } from '../net/duplex-endpoint.ts';
import { type Address, UNSPECIFIED } from '../socks/address.ts';

/** What a client wants to connect to, and who it is. */
export interface AppRequest {
  /** As the local sees it: `localhost` for its own name under `.depot`. */
  readonly destination: Address;
  /** The user as the server knows it; undefined for an anonymous client. Not to be trusted more than the server is. */
  readonly user: string | undefined;
  /** The client's IP address, as the server says. */
  readonly from: string;
}

/**
 * Is the app, or leaves it to dialing: a stream that this program reads and writes itself, or undefined. A `DepotError`
 * refuses with its code, any other error with `dial-failed`. `signal` aborts when the client has gone.
 */
export type ConnectApp = (request: AppRequest, signal: AbortSignal) => Promise<Duplex | undefined> | Duplex | undefined;

/** Nothing is dialed for an app of the program, so no rule of the local is asked about it. */
export const orOwnApp =
  (connectApp: ConnectApp, dialer: Connector): Connector =>
  async (request, signal, progress) => {
    const { destination, user, from } = request;
    const stream = await ask(connectApp, { destination, user, from }, signal);
    if (stream === undefined) return await dialer(request, signal, progress);
    return { kind: 'stream', bound: UNSPECIFIED, stream: new DuplexEndpoint(stream) };
  };

const ask = async (connectApp: ConnectApp, request: AppRequest, signal: AbortSignal): Promise<Duplex | undefined> => {
  try {
    const made = Promise.resolve(connectApp(request, signal));
    return await orAborted(made, signal).catch((error: unknown) => {
      // Whoever wanted it has gone, and may not have waited.
      void made.then((late) => late?.destroy()).catch(() => undefined);
      throw error;
    });
  } catch (error) {
    throw asDepotError(error, 'dial-failed');
  }
};
