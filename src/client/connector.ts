// The client's Connector: the server, over the tunnels of the link.

import { DepotError } from '../errors.ts';
import type { Connection, Connector, Progress, Request } from '../net/connector.ts';
import type { Link } from '../uplink/link.ts';

/** Asks the server for a stream. Who asks, the server knows by our key. */
export const createServerConnector =
  (uplink: { readonly link: Pick<Link, 'tunnel'> | undefined }): Connector =>
  async ({ command, destination, from }: Request, signal: AbortSignal, progress: Progress): Promise<Connection> => {
    for (;;) {
      const { link } = uplink;
      if (link === undefined) throw new DepotError('server-away', 'there is no connection to the server');
      const tunnel = await link.tunnel(signal);
      try {
        return await tunnel.open({ command, destination, from }, signal, progress);
      } catch (error) {
        // A tunnel that the server gave up just now: nothing was sent yet, so another one may try.
        if (signal.aborted || tunnel.connection.isOpen) throw error;
      }
    }
  };
