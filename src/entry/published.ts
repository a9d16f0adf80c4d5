// Published ports, TCP and UDP: for programs that speak no proxy at all. Whoever comes is taken to one fixed target, by the
// same streams as everybody else. Knows neither locals nor tunnels; who may connect is all there is of a password.

import type net from 'node:net';
import { isDeepStrictEqual } from 'node:util';
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
  readonly settings: PublishedDatagramsOptions['settings'];
  /** Where a port listens that names no address of its own. */
  readonly defaultHost: string;
  /** Called with why somebody was not let in. */
  readonly onTurnedAway: (from: string, error: DepotError) => void;
  readonly onUnforeseen: (error: unknown) => void;
  /** TCP ports that another process hands over. */
  readonly inherit?: Inherit | undefined;
}

/** The published ports of a role, as they are now. */
export class PublishedPorts {
  readonly #options: PublishedOptions;
  #open: readonly PublishedPort[] = [];
  #closed = false;

  constructor(options: PublishedOptions) {
    this.#options = options;
  }

  get all(): readonly PublishedPort[] {
    return this.#open;
  }

  /**
   * Opens the ports that are new. Rejects with `invalid-config` or `address-in-use`, nothing changed then. What it returns
   * closes those that are no more, or lead elsewhere now, and ends what came through them: so many streams.
   */
  async change(ports: readonly Published[]): Promise<() => Promise<number>> {
    const { defaultHost, onUnforeseen } = this.#options;
    ports.forEach((port, index) => requireFrom(port, index, defaultHost));
    const [kept, gone]: [PublishedPort[], PublishedPort[]] = [[], [...this.#open]];
    const added = ports.filter((port) => {
      const at = gone.findIndex((open) => isDeepStrictEqual(open.port, port));
      if (at >= 0) kept.push(...gone.splice(at, 1));
      return at < 0;
    });
    // An address that an old one has is free only when that is closed.
    const waits = (port: Published): boolean => gone.some((open) => placeOf(open.port) === placeOf(port));
    const opened = await this.#openAll(added.filter((port) => !waits(port)));
    return async () => {
      const error = new DepotError('not-allowed', 'this published port was closed');
      const ended = gone.reduce((sum, port) => sum + port.end(error), 0);
      this.#open = [...kept, ...opened];
      try {
        this.#open = [...this.#open, ...(await this.#openAll(added.filter(waits)))];
      } catch (unforeseen) {
        onUnforeseen(unforeseen);
      }
      if (this.#closed) this.close();
      return ended;
    };
  }

  /** Lets nobody in any more, and opens no port any more. */
  close(): void {
    this.#closed = true;
    for (const port of this.#open) port.close();
  }

  /** Ends those that two processes cannot have at once; `takeBack` opens them again. */
  yieldDatagrams(error: DepotError): void {
    const [gone, kept] = [true, false].map((isUdp) =>
      this.#open.filter(({ port }) => (port.protocol === 'udp') === isUdp),
    ) as [PublishedPort[], PublishedPort[]];
    for (const port of gone) port.end(error);
    this.#open = kept;
  }

  /** Opens again what was yielded. Where that cannot be, somebody is told, and the others go on. */
  async takeBack(ports: readonly Published[]): Promise<void> {
    try {
      await (
        await this.change(ports)
      )();
    } catch (error) {
      this.#options.onUnforeseen(error);
    }
  }

  /** All, or none. */
  async #openAll(ports: readonly Published[]): Promise<PublishedPort[]> {
    if (this.#closed) return [];
    const opened: PublishedPort[] = [];
    try {
      for (const port of ports) opened.push(await PublishedPort.listen(port, this.#options));
      return opened;
    } catch (error) {
      for (const port of opened) port.close();
      throw error;
    }
  }
}

const placeOf = ({ protocol = 'tcp', host = '', listen }: Published): string => `${protocol} ${host} ${listen}`;

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
  readonly port: Published;
  readonly #options: PublishedOptions;
  readonly #destination: Address;
  readonly #mayCome: (address: string) => boolean;
  #open: Listener | PublishedDatagrams | undefined;
  /** Streams that came through it. */
  readonly #streams = new Set<number>();

  private constructor(port: Published, options: PublishedOptions) {
    this.port = port;
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
    const { protocol = 'tcp', to } = this.port;
    return { protocol, listen: formatAddress(address), to };
  }

  /** What another process needs to know to listen in our place; undefined where it cannot (UDP). */
  get legacy(): Legacy | undefined {
    return this.#open instanceof Listener ? this.#open.legacy : undefined;
  }

  /** Lets nobody in any more, and ends what came through it. Returns how many streams that were. */
  end(error: DepotError): number {
    this.close();
    if (this.#open instanceof PublishedDatagrams) return this.#open.end(error);
    const ids = [...this.#streams];
    for (const id of ids) this.#options.streams.end(id, error);
    return ids.length;
  }

  /** Lets nobody in any more. */
  close(): void {
    this.#open?.close();
  }

  async #serve(accepted: net.Socket): Promise<void> {
    const { streams, share, descriptors, onTurnedAway } = this.#options;
    const { user } = this.port;
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
    let id: number | undefined;
    await streams.carry(
      { command: 'connect', destination: this.#destination, user, from },
      {
        started: (number) => {
          id = number;
          this.#streams.add(number);
        },
        onEnded: () => void (id !== undefined && this.#streams.delete(id)),
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
