// Published ports, TCP and UDP: for programs that speak no proxy at all. Whoever comes is taken to one fixed target, by the
// same streams as everybody else. Knows neither locals nor tunnels; who may connect is all there is of a password.

import type net from 'node:net';
import { DepotError } from '../errors.ts';
import type { Descriptors } from '../net/descriptors.ts';
import { EarlyEndpoint } from '../net/early-endpoint.ts';
import type { FairShare } from '../net/fair-share.ts';
import { type Inherit, type Legacy, Listener } from '../net/listener.ts';
import { SocketEndpoint } from '../net/socket-endpoint.ts';
import type { Streams } from '../net/streams.ts';
import { parseNetwork } from '../rules/network.ts';
import {
  type Address,
  canonicalHost,
  formatAddress,
  isLoopbackHost,
  parseAddress,
  UNSPECIFIED,
} from '../socks/address.ts';
import { PublishedDatagrams, type PublishedDatagramsOptions } from './published-datagrams.ts';

export interface Published {
  /** Default: TCP. */
  readonly protocol?: 'tcp' | 'udp' | undefined;
  readonly listen: number;
  /** HOST:PORT, checked. */
  readonly to: string;
  /** Addresses and networks that may connect. */
  readonly from?: readonly string[] | undefined;
  readonly host?: string | undefined;
  /** Whose rules count; nobody's where it is not given. */
  readonly user?: string | undefined;
}

export interface PublishedOptions {
  readonly streams: Streams;
  readonly share: FairShare;
  readonly descriptors: Descriptors;
  readonly datagrams: Pick<PublishedDatagramsOptions, 'queueBytes' | 'peersMax'>;
  /** Where a port listens that names no address of its own. */
  readonly defaultHost: string;
  /** Called with why somebody was not let in. */
  readonly onTurnedAway: (from: string, error: DepotError) => void;
  readonly onUnforeseen: (error: unknown) => void;
  /** TCP ports that another process hands over. */
  readonly inherit?: Inherit | undefined;
}

/** Binds every port, or none. Rejects with `invalid-config` or `address-in-use`. */
export const publish = async (ports: readonly Published[], options: PublishedOptions): Promise<PublishedPort[]> => {
  ports.forEach((port, index) => requireFrom(port, index, options.defaultHost));
  const open: PublishedPort[] = [];
  try {
    for (const port of ports) open.push(await PublishedPort.listen(port, options));
    return open;
  } catch (error) {
    for (const port of open) port.close();
    throw error;
  }
};

/** There is no password, so an open port is said out loud or it is an accident. */
const requireFrom = ({ from, host }: Published, index: number, defaultHost: string): void => {
  const where = host ?? defaultHost;
  if (from !== undefined || isLoopbackHost(where)) return;
  throw new DepotError(
    'invalid-config',
    `publish[${index}].from: a published port has no password, so say who may connect to it on ${where}, such as ["203.0.113.0/24"], or ["0.0.0.0/0", "::/0"] for everybody; or give it "host": "127.0.0.1".`,
  );
};

/** A port that is open. */
export class PublishedPort {
  readonly #port: Published;
  readonly #options: PublishedOptions;
  readonly #destination: Address;
  readonly #mayCome: (address: string) => boolean;
  #open: Listener | PublishedDatagrams | undefined;

  private constructor(port: Published, options: PublishedOptions) {
    this.#port = port;
    this.#options = options;
    this.#destination = parseAddress(port.to) ?? UNSPECIFIED;
    const networks = port.from?.map((text) => parseNetwork(text));
    this.#mayCome = (address) => networks?.some((network) => network?.contains(address)) ?? true;
  }

  static async listen(port: Published, options: PublishedOptions): Promise<PublishedPort> {
    const published = new PublishedPort(port, options);
    const listen = { host: port.host ?? options.defaultHost, port: port.listen };
    published.#open = await (port.protocol === 'udp'
      ? PublishedDatagrams.listen({
          ...options,
          ...options.datagrams,
          listen,
          destination: published.#destination,
          user: port.user,
          maySend: published.#mayCome,
        })
      : Listener.listen(
          { ...listen, purpose: 'published', flag: '--publish' },
          (socket) => void published.#serve(socket).catch(options.onUnforeseen),
          options.inherit,
        ));
    return published;
  }

  /** As status shows it, with the port that it really has. */
  get status(): { readonly protocol: 'tcp' | 'udp'; readonly listen: string; readonly to: string } {
    const { address = UNSPECIFIED } = this.#open ?? {};
    const { protocol = 'tcp', to } = this.#port;
    return { protocol, listen: formatAddress(address), to };
  }

  /** What another process needs to know to listen in our place; undefined where it cannot (UDP). */
  get legacy(): Legacy | undefined {
    return this.#open instanceof Listener ? this.#open.legacy : undefined;
  }

  /** Ends what only one process can have: a UDP port, with its associations. */
  yield(error: DepotError): void {
    if (this.#open instanceof PublishedDatagrams) this.#open.end(error);
  }

  /** Lets nobody in any more. */
  close(): void {
    this.#open?.close();
  }

  async #serve(accepted: net.Socket): Promise<void> {
    const { streams, share, descriptors, onTurnedAway } = this.#options;
    const { user } = this.#port;
    const from = canonicalHost(accepted.remoteAddress ?? '');
    const refusal = this.#mayCome(from)
      ? descriptors.refusal(accepted, 'stream')
      : new DepotError('not-allowed', `it may not connect to published port ${this.status.listen}`);
    if (refusal !== undefined) {
      accepted.resetAndDestroy();
      onTurnedAway(from, refusal);
      return;
    }
    const gone = new AbortController();
    const client = new EarlyEndpoint(SocketEndpoint.accept(accepted, share), (error) => gone.abort(error));
    await streams.carry(
      { command: 'connect', destination: this.#destination, user, from },
      {
        stream: client,
        signal: gone.signal,
        // The program knows of no proxy: an abort is all that it can be told.
        answer: (outcome) => {
          if (outcome instanceof DepotError) client.reset(outcome);
        },
      },
    );
  }
}
