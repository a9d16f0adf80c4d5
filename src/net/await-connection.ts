// Waits for one connection that comes from outside: a listening port for one guest, gone as soon as he is there.
// Knows nothing of rules; who is expected is its caller's business.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { dialError, DepotError, errnoOf } from '../errors.ts';
import { type Address, canonicalHost, isIPv4 } from '../socks/address.ts';

/** Ports that may be listened on, both ends of each range included. */
type Ports = readonly (readonly [first: number, last: number])[];

export interface Expected {
  /** Where to listen. */
  readonly host: string;
  readonly ports: Ports;
  /** Whoever else comes is turned away with a reset. */
  readonly isExpected: (from: string) => boolean;
}

/** Our own address as `host` would see it: the system's choice of source, found without sending anything. */
export const addressTowards = async (host: string): Promise<string> => {
  const probe = dgram.createSocket(isIPv4(host) ? 'udp4' : 'udp6');
  try {
    probe.connect(9, host);
    await once(probe, 'connect');
    return canonicalHost(probe.address().address);
  } catch (error) {
    throw dialError(error, host);
  } finally {
    probe.close();
  }
};

/** Resolves with the expected guest, paused. `listening` is told where he is awaited. Rejects with the signal's reason. */
export const awaitConnection = async (
  { host, ports, isExpected }: Expected,
  signal: AbortSignal,
  listening: (bound: Address) => void,
): Promise<net.Socket> => {
  const guest = Promise.withResolvers<net.Socket>();
  let isThere = false;
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    if (isThere || signal.aborted || !isExpected(canonicalHost(socket.remoteAddress ?? ''))) {
      socket.resetAndDestroy();
      return;
    }
    isThere = true;
    server.close();
    guest.resolve(socket);
  });
  const onAbort = (): void => guest.reject(signal.reason);
  try {
    await listenOnOne(server, host, ports);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    listening({ host, port: (server.address() as net.AddressInfo).port });
    return await guest.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    server.close();
  }
};

const listenOnOne = async (server: net.Server, host: string, ports: Ports): Promise<void> => {
  for (const [first, last] of ports) {
    // 0 lets the system choose, and is what a rule without ports allows.
    for (let port = first; port <= last; port += 1) {
      try {
        server.listen({ host, port, exclusive: true });
        await once(server, 'listening');
        return;
      } catch (error) {
        if (errnoOf(error) !== 'EADDRINUSE') throw dialError(error, `listening on ${host}`);
      }
    }
  }
  throw new DepotError('address-in-use', 'every port that the rule allows to listen on is taken');
};
