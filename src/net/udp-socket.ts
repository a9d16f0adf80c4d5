// A UDP socket: sends now or not at all, within a bound of what may wait; tells what comes and from where.
// Knows nothing of SOCKS, of rules, or of whose datagrams they are.

import dgram from 'node:dgram';
import { DepotError, errnoOf } from '../errors.ts';
import { OVERHEAD_BYTES } from './datagrams.ts';
import type { Descriptors } from './descriptors.ts';
import { type Address, canonicalHost, isIPv4 } from '../socks/address.ts';

export interface UdpOptions {
  /** What may wait to be sent, in bytes; read for each datagram. */
  readonly queueBytes: number;
  /** Given where the socket may be one too many. */
  readonly descriptors?: Descriptors | undefined;
  /** `from` in one spelling, as `canonicalHost` has it. `data` is the receiver's to keep. */
  readonly onDatagram: (data: Uint8Array, from: Address) => void;
  /** The socket is of no use any more. */
  readonly onError: (error: DepotError) => void;
}

const ANY_IPV6 = '::';

/** Ports to choose from, both ends included. */
export type PortRange = readonly [first: number, last: number];

const ANY_PORT: PortRange = [0, 0];

export class UdpSocket {
  readonly #socket: dgram.Socket;
  readonly #options: Pick<UdpOptions, 'queueBytes'>;
  /** Whether it is an IPv6 socket that IPv4 addresses can reach. */
  readonly #isDual: boolean;

  private constructor(own: string, options: UdpOptions, isDual = false) {
    const { onDatagram, onError } = options;
    this.#options = options;
    this.#isDual = isDual;
    const type = isIPv4(own) ? 'udp4' : 'udp6';
    this.#socket = dgram.createSocket({ type, ipv6Only: type === 'udp6' && !isDual, lookup: asItIs });
    let raw = '';
    let from: Address = { host: '', port: 0 };
    this.#socket.on('message', (data, { address, port }) => {
      // They come in rows from the same place.
      if (address !== raw || port !== from.port) from = { host: canonicalHost(address), port };
      raw = address;
      onDatagram(data, from);
    });
    this.#socket.on('error', (error) =>
      onError(
        new DepotError('dial-failed', `a UDP socket failed (${errnoOf(error) ?? error.message})`, { cause: error }),
      ),
    );
  }

  /** A socket for whatever address the system finds best, on any port; bound when it sends for the first time. */
  static towards(host: string, options: UdpOptions): UdpSocket {
    const udp = new UdpSocket(host, options);
    udp.#socket.once('listening', () => {
      const shortage = options.descriptors?.shortage();
      if (shortage !== undefined) options.onError(shortage);
    });
    return udp;
  }

  /** A socket at this address (`::` is every address of both families), on a port of the range. Rejects with `address-in-use` where all of them are taken. */
  static async bind(host: string, [first, last]: PortRange = ANY_PORT, options: UdpOptions): Promise<UdpSocket> {
    const count = last - first + 1;
    const start = Math.floor(Math.random() * count);
    for (let step = 0; step < count; step += 1) {
      const udp = new UdpSocket(host, options, host === ANY_IPV6);
      try {
        await bound(udp.#socket, { address: host, port: first + ((start + step) % count), exclusive: true });
        const shortage = options.descriptors?.shortage();
        if (shortage === undefined) return udp;
        throw shortage;
      } catch (error) {
        udp.close();
        if (error instanceof DepotError) throw error;
        if (errnoOf(error) !== 'EADDRINUSE')
          throw new DepotError(
            'dial-failed',
            `cannot open a UDP port on ${host} (${errnoOf(error) ?? String(error)})`,
            {
              cause: error,
            },
          );
      }
    }
    throw new DepotError('address-in-use', `all UDP ports from ${first} to ${last} are taken`);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** False where too much waits already, or there is no such port. `data` has to stay as it is. `failed` is called where the system refuses. */
  send(data: Uint8Array, { host, port }: Address, failed: () => void): boolean {
    if (port === 0) return false;
    const waiting = this.#socket.getSendQueueSize() + this.#socket.getSendQueueCount() * OVERHEAD_BYTES;
    if (waiting + data.length > this.#options.queueBytes) return false;
    this.#socket.send(data, port, this.#isDual && isIPv4(host) ? `::ffff:${host}` : host, (error) => {
      if (error) failed();
    });
    return true;
  }

  close(): void {
    this.#socket.removeAllListeners('error').on('error', () => undefined);
    this.#socket.close();
  }
}

/** Addresses come as addresses; Node's own lookup would let each datagram wait a turn. */
const asItIs = (
  host: string,
  _options: unknown,
  found: (error: Error | null, address: string, family: number) => void,
): void => found(null, host, isIPv4(host) ? 4 : 6);

const bound = (socket: dgram.Socket, options: dgram.BindOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    const own = socket.listeners('error');
    socket.removeAllListeners('error').once('error', reject);
    socket.bind(options, () => {
      socket.removeListener('error', reject);
      for (const listener of own) socket.on('error', listener as () => void);
      resolve();
    });
  });
