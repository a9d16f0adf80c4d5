// The client's Connector: the server, over the tunnels of the link.

import { DepotError } from '../errors.ts';
import { deadline } from '../net/dial.ts';
import type { Connection, Connector, Progress, Request } from '../net/connector.ts';
import type { Address } from '../socks/address.ts';
import type { Link } from '../uplink/link.ts';

type Links = { readonly link: Pick<Link, 'tunnel'> | undefined };

/** Asks the server for a stream, which has `openMs` (read for each) to answer. Who asks, the server knows by our key. */
export const createServerConnector =
  (uplink: Links, settings: { readonly openMs: number }): Connector =>
  async (request: Request, signal: AbortSignal, progress: Progress): Promise<Connection> => {
    const { openMs } = settings;
    const tooLate = (): DepotError => new DepotError('timed-out', `the server did not answer in ${openMs / 1000} s`);
    const limit = deadline(openMs, tooLate, signal);
    try {
      return await ask(uplink, request, limit.signal, {
        ...progress,
        listening: (bound) => {
          // From here on it is the app that is waited for, and the other side says when that has taken too long.
          limit.stopClock();
          progress.listening(bound);
        },
      });
    } finally {
      limit.clear();
    }
  };

const ask = async (
  uplink: Links,
  { command, destination, from }: Request,
  signal: AbortSignal,
  progress: Progress,
): Promise<Connection> => {
  let isAnnounced = false;
  const listening = (bound: Address): void => {
    isAnnounced = true;
    progress.listening(bound);
  };
  for (;;) {
    const { link } = uplink;
    if (link === undefined) throw new DepotError('server-away', 'there is no connection to the server');
    const tunnel = await link.tunnel(signal);
    try {
      return await tunnel.open({ command, destination, from }, signal, { ...progress, listening });
    } catch (error) {
      // A tunnel that the server gave up just now: no byte of the stream was sent yet, so another one may try. But what the
      // client was told of a BIND holds for one request alone.
      if (signal.aborted || isAnnounced || tunnel.connection.isOpen) throw error;
    }
  }
};
