// A published UDP port: an association for each address that sends to it, whose datagrams all go to one target.
// Knows neither locals nor tunnels. Whoever can forge an address can fill it, so all that it holds is bounded.

import { asDepotError, DepotError, type ErrorCode } from '../errors.ts';
import type { Connection, Request } from '../net/connector.ts';
import { type DatagramEndpoint, type DatagramSink, waitingBytes } from '../net/datagrams.ts';
import { resolveHost } from '../net/dial.ts';
import type { Streams } from '../net/streams.ts';
import { type UdpOptions, UdpSocket } from '../net/udp-socket.ts';
import { type Address, formatAddress } from '../socks/address.ts';

export interface PublishedDatagramsOptions {
  readonly streams: Streams;
  readonly listen: Address;
  readonly destination: Address;
  readonly user: string | undefined;
  readonly maySend: (host: string) => boolean;
  /** Read whenever they are needed. */
  readonly settings: {
    /** What may wait in one direction of one peer, and of the port, in bytes. */
    readonly udpQueueBytes: number;
    /** How many addresses may send to it at a time. */
    readonly udpPeersMax: number;
  };
  readonly onTurnedAway: (from: string, error: DepotError) => void;
  readonly onUnforeseen: (error: unknown) => void;
}

/** A peer that was silent for so long may make room for another one. */
const QUIET_MS = 30_000;
/** How long a peer that was refused is left alone: not every datagram is a new request, and a line in the log. */
const REFUSED_MS = 1000;
/** How often the log is told of datagrams that are not let in. */
const TURNED_AWAY_MS = 10_000;

export class PublishedDatagrams {
  readonly #options: PublishedDatagramsOptions;
  /** Least recently heard first. */
  readonly #peers = new Map<string, Peer>();
  /** Until when those are left alone that were refused, first to go first. */
  readonly #refused = new Map<string, number>();
  #udp: UdpSocket | undefined;
  #turnedAwayUntilMs = 0;
  #closed = false;

  private constructor(options: PublishedDatagramsOptions) {
    this.#options = options;
  }

  /** Rejects with `address-in-use`, or another `DepotError`. */
  static async listen(options: PublishedDatagramsOptions): Promise<PublishedDatagrams> {
    const published = new PublishedDatagrams(options);
    const { listen, settings, onUnforeseen } = options;
    const [host = listen.host] = await resolveHost(listen.host);
    const udp: UdpOptions = {
      get queueBytes() {
        return settings.udpQueueBytes;
      },
      onDatagram: (data, from) => published.#arrived(data, from),
      onError: (error) => {
        onUnforeseen(error);
        published.#endAll(error);
      },
    };
    try {
      published.#udp = await bind(host, listen.port, udp);
    } catch (error) {
      throw describe(error, listen);
    }
    return published;
  }

  /** Where it listens, with the port that it really has. */
  get address(): Address {
    const { listen } = this.#options;
    return { host: listen.host, port: this.#udp?.port ?? listen.port };
  }

  /** Lets nobody in any more; associations that run go on, and the port is there for as long as they do. */
  close(): void {
    this.#closed = true;
    this.#closeWhenEmpty();
  }

  #arrived(data: Uint8Array, from: Address): void {
    const key = formatAddress(from);
    const peer = this.#peers.get(key);
    if (peer === undefined) {
      this.#letIn(key, from, data);
      return;
    }
    this.#peers.delete(key);
    this.#peers.set(key, peer);
    peer.arrived(data);
  }

  #letIn(key: string, from: Address, data: Uint8Array): void {
    const nowMs = performance.now();
    for (const [refused, untilMs] of this.#refused) {
      if (untilMs > nowMs) break;
      this.#refused.delete(refused);
    }
    if (this.#closed || this.#refused.has(key)) return;
    const { maySend, settings, destination } = this.#options;
    if (!maySend(from.host)) {
      this.#turnAway(from.host, 'not-allowed', 'it may not send to');
      return;
    }
    if (!this.#hasRoom(nowMs)) {
      this.#turnAway(from.host, 'limit-reached', `there are ${settings.udpPeersMax} others at`);
      return;
    }
    const peer = new Peer(destination, settings.udpQueueBytes, (data) => this.#udp?.send(data, from, ignore) ?? false);
    // It is there before it is asked for, which may be refused at once.
    this.#peers.set(key, peer);
    peer.arrived(data);
    void this.#carry(key, peer, from).catch(this.#options.onUnforeseen);
  }

  #turnAway(from: string, code: ErrorCode, why: string): void {
    const nowMs = performance.now();
    if (this.#turnedAwayUntilMs > nowMs) return;
    this.#turnedAwayUntilMs = nowMs + TURNED_AWAY_MS;
    this.#options.onTurnedAway(from, new DepotError(code, `${why} published UDP port ${formatAddress(this.address)}`));
  }

  /** Whether one more peer may be; where there are too many, one that has been silent makes room. */
  #hasRoom(nowMs: number): boolean {
    const { udpPeersMax } = this.#options.settings;
    if (this.#refused.size >= udpPeersMax) return false;
    if (this.#peers.size < udpPeersMax) return true;
    const [oldest] = this.#peers;
    if (oldest === undefined || oldest[1].heardAtMs > nowMs - QUIET_MS) return false;
    this.#peers.delete(oldest[0]);
    oldest[1].leave();
    return true;
  }

  #carry(key: string, peer: Peer, { host }: Address): Promise<void> {
    const { streams, destination, user } = this.#options;
    const request: Request = { command: 'associate', destination, user, from: host };
    const answer = (outcome: Connection | DepotError): void => {
      if (outcome instanceof DepotError) this.#refused.set(key, performance.now() + REFUSED_MS);
    };
    const onEnded = (): void => {
      peer.end();
      if (this.#peers.get(key) === peer) this.#peers.delete(key);
      this.#closeWhenEmpty();
    };
    return streams.carry(request, { datagrams: peer, signal: peer.gone, answer, onEnded });
  }

  /** Ends every association, and gives the port back. Returns how many there were. */
  end(error: DepotError): number {
    const { size } = this.#peers;
    this.#endAll(error);
    this.#udp?.close();
    this.#udp = undefined;
    return size;
  }

  #endAll(error: DepotError): void {
    this.#closed = true;
    for (const peer of this.#peers.values()) peer.leave(error);
    this.#closeWhenEmpty();
  }

  #closeWhenEmpty(): void {
    if (!this.#closed || this.#peers.size > 0) return;
    this.#udp?.close();
    this.#udp = undefined;
  }
}

/** The client's end of one association: one address that sends to the port. */
class Peer implements DatagramEndpoint {
  readonly #target: Address;
  readonly #queueBytes: number;
  readonly #reply: (data: Uint8Array) => boolean;
  readonly #gone = new AbortController();
  /** What came before there was a way to go. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #sink: DatagramSink | undefined;
  #over = false;
  heardAtMs = performance.now();
  dropped = 0;

  constructor(target: Address, queueBytes: number, reply: (data: Uint8Array) => boolean) {
    this.#target = target;
    this.#queueBytes = queueBytes;
    this.#reply = reply;
  }

  /** Aborts when nobody waits for an answer any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  arrived(data: Uint8Array): void {
    this.heardAtMs = performance.now();
    if (this.#sink !== undefined && !this.#over) this.#sink.send(data, this.#target);
    else if (this.#over || this.#waitingBytes + waitingBytes(data) > this.#queueBytes) this.dropped += 1;
    else {
      this.#waitingBytes += waitingBytes(data);
      this.#waiting.push(data);
    }
  }

  readInto(sink: DatagramSink): void {
    this.#sink = sink;
    for (const data of this.#waiting.splice(0)) sink.send(data, this.#target);
  }

  /** As with a connected UDP socket, only the target's port answers. */
  send(data: Uint8Array, source: Address): void {
    if (source.port !== this.#target.port || this.#over || !this.#reply(Buffer.from(data))) this.dropped += 1;
  }

  end(): void {
    this.#over = true;
    this.#waiting = [];
  }

  leave(error?: DepotError): void {
    this.#gone.abort(error ?? new DepotError('aborted', 'it was silent, and made room for another one'));
    this.end();
    this.#sink?.end(error);
  }
}

/** Every address of both families, or of IPv4 where there is no IPv6. */
const bind = (host: string, port: number, options: UdpOptions): Promise<UdpSocket> =>
  UdpSocket.bind(host, [port, port], options).catch((error: unknown) => {
    if (host !== '::' || asDepotError(error, 'internal').code === 'address-in-use') throw error;
    return UdpSocket.bind('0.0.0.0', [port, port], options);
  });

const describe = (error: unknown, listen: Address): DepotError => {
  const where = `the published UDP port ${formatAddress(listen)}`;
  const { code, message } = asDepotError(error, 'internal');
  if (code === 'address-in-use')
    return new DepotError(
      code,
      `Another program listens on ${where}. Stop it, or choose another port with --publish.`,
      { cause: error },
    );
  return new DepotError('invalid-config', `Cannot listen on ${where}: ${message}. Check --publish.`, { cause: error });
};

const ignore = (): void => undefined;
