// UDP ASSOCIATE in local: sends the datagrams of one client to the apps, and brings their answers back.
// Every destination is resolved and checked against the rules on its own, and again after a while.

import { asDepotError, type DepotError } from '../errors.ts';
import type { AddressRule } from '../link/messages.ts';
import type { Connector } from '../net/connector.ts';
import { type DatagramEndpoint, type DatagramSink, waitingBytes } from '../net/datagrams.ts';
import type { Descriptors } from '../net/descriptors.ts';
import type { Resolve } from '../net/dial.ts';
import { UdpSocket } from '../net/udp-socket.ts';
import { type Address, formatAddress, isIPv4, UNSPECIFIED } from '../socks/address.ts';
import { allowedAddresses } from './addresses.ts';
import type { Rules } from './rules.ts';

export interface AssociatorOptions {
  readonly rules: Rules;
  readonly resolve: Resolve;
  readonly descriptors: Descriptors;
  /** Read whenever they are needed. */
  readonly settings: {
    /** What may wait to be sent, in bytes, and as much again for names that are looked up. */
    readonly udpQueueBytes: number;
    /** How many destinations one association may have at a time. */
    readonly udpDestinationsMax: number;
  };
  /** Called once for each destination that gets nothing, with why. */
  readonly onRefused: (error: DepotError, destination: Address) => void;
}

interface Destination {
  /** What the name leads to; undefined until the first look is done, empty where nothing may be sent there. */
  addresses: readonly string[] | undefined;
  judged: Judged | undefined;
  freshUntilMs: number;
  usedAtMs: number;
  readonly waiting: Uint8Array[];
  readonly host: string;
  readonly port: number;
}

/** What the rules of one version say of some addresses. */
interface Judged {
  readonly addresses: readonly string[];
  readonly version: number;
  /** The first one is used. */
  readonly allowed: readonly string[];
  /** Called where the system refuses to send there. */
  readonly failed: () => void;
}

const NOWHERE: readonly string[] = [];

/** How long a name and a verdict count. */
const FRESH_MS = 60_000;
/** The same where nothing may be sent: the resolver may be back, or the rules may be others, long before that. */
const REFUSED_MS = 1000;
/** A destination that was silent for so long may make room for another one. */
const QUIET_MS = 30_000;

class AppDatagrams implements DatagramEndpoint {
  readonly #options: AssociatorOptions;
  /** Those of the server, which count besides the rules here. */
  readonly #addressRules: readonly AddressRule[] | undefined;
  /** Least recently used first. */
  readonly #destinations = new Map<string, Destination>();
  readonly #sockets = new Map<'IPv4' | 'IPv6', UdpSocket>();
  /** The one that was used last. */
  #latest: { readonly address: Address; readonly destination: Destination } | undefined;
  #sink: DatagramSink | undefined;
  #waitingBytes = 0;
  #over = false;
  dropped = 0;

  constructor(options: AssociatorOptions, addressRules: readonly AddressRule[] | undefined) {
    this.#options = options;
    this.#addressRules = addressRules;
  }

  readInto(sink: DatagramSink): void {
    this.#sink = sink;
  }

  send(data: Uint8Array, address: Address): void {
    const nowMs = performance.now();
    const destination = this.#destinationOf(address, nowMs);
    if (destination === undefined || this.#over) {
      this.#drop();
      return;
    }
    destination.usedAtMs = nowMs;
    if (destination.freshUntilMs <= nowMs) {
      destination.freshUntilMs = nowMs + FRESH_MS;
      void this.#look(destination, address);
    }
    if (destination.addresses !== undefined) this.#transmit(data, destination, address.port);
    else if (this.#waitingBytes + waitingBytes(data) > this.#options.settings.udpQueueBytes) this.#drop();
    else {
      this.#waitingBytes += waitingBytes(data);
      destination.waiting.push(Buffer.from(data));
    }
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const socket of this.#sockets.values()) socket.close();
    this.#destinations.clear();
  }

  /** Datagrams come in rows with the very same address: then there is nothing to look up, nor to put last. */
  #destinationOf(address: Address, nowMs: number): Destination | undefined {
    if (this.#latest?.address === address) return this.#latest.destination;
    const key = formatAddress(address);
    const destination = this.#destinations.get(key) ?? this.#newDestination(address, nowMs);
    if (destination === undefined) return undefined;
    this.#destinations.delete(key);
    this.#destinations.set(key, destination);
    this.#latest = { address, destination };
    return destination;
  }

  /** Undefined where there are too many that are still in use. */
  #newDestination({ host, port }: Address, nowMs: number): Destination | undefined {
    if (this.#destinations.size >= this.#options.settings.udpDestinationsMax) {
      const [oldest] = this.#destinations;
      if (oldest === undefined || oldest[1].usedAtMs > nowMs - QUIET_MS) return undefined;
      this.#destinations.delete(oldest[0]);
    }
    return { addresses: undefined, judged: undefined, freshUntilMs: 0, usedAtMs: nowMs, waiting: [], host, port };
  }

  /** Resolves the name, asks the rules, and sends what has waited for that. */
  async #look(destination: Destination, address: Address): Promise<void> {
    const { host, port } = address;
    try {
      destination.addresses = await allowedAddresses(this.#options, host, port, this.#addressRules);
    } catch (thrown) {
      if (destination.addresses?.length !== 0) this.#options.onRefused(asDepotError(thrown, 'internal'), address);
      destination.addresses = [];
      destination.freshUntilMs = performance.now() + REFUSED_MS;
    }
    for (const data of destination.waiting.splice(0)) {
      this.#waitingBytes -= waitingBytes(data);
      this.#transmit(data, destination, port);
    }
  }

  #transmit(data: Uint8Array, destination: Destination, port: number): void {
    const { allowed, failed } = this.#judged(destination);
    const [host] = allowed;
    if (host === undefined || this.#over) this.#drop();
    else if (!this.#socketFor(host).send(Buffer.from(data), { host, port }, failed)) this.#drop();
  }

  /** What was found is judged again when the rules were replaced, not for each datagram. */
  #judged(destination: Destination): Judged {
    const { addresses = NOWHERE, judged: known, host, port } = destination;
    const { rules } = this.#options;
    const { version } = rules;
    if (known?.addresses === addresses && known.version === version) return known;
    const allowed = addresses.filter((address) => rules.check(host, address, port).allowed);
    const failed = (): void => {
      this.#drop();
      // Another family may have a way there.
      if (allowed.length > 1 && destination.judged === judged) destination.addresses = allowed.slice(1);
    };
    const judged: Judged = { addresses, version, allowed, failed };
    destination.judged = judged;
    return judged;
  }

  #socketFor(host: string): UdpSocket {
    const family = isIPv4(host) ? 'IPv4' : 'IPv6';
    const known = this.#sockets.get(family);
    if (known !== undefined) return known;
    const { settings, descriptors } = this.#options;
    const socket = UdpSocket.towards(host, {
      get queueBytes() {
        return settings.udpQueueBytes;
      },
      descriptors,
      onDatagram: (data, source) => this.#answered(data, source),
      onError: (error) => this.#fail(error),
    });
    this.#sockets.set(family, socket);
    return socket;
  }

  /** From an address that the client has sent to, on whichever port: TFTP and others answer from a new one. */
  #answered(data: Uint8Array, source: Address): void {
    const isAsked = this.#destinations.values().some((one) => this.#judged(one).allowed[0] === source.host);
    if (isAsked && this.#sink !== undefined) this.#sink.send(data, source);
    else this.#drop();
  }

  #drop(): void {
    this.dropped += 1;
  }

  #fail(error: DepotError): void {
    this.end();
    this.#sink?.end(error);
  }
}

export const createAssociator =
  (options: AssociatorOptions): Connector =>
  ({ addressRules }) =>
    Promise.resolve({ kind: 'datagrams', bound: UNSPECIFIED, datagrams: new AppDatagrams(options, addressRules) });
