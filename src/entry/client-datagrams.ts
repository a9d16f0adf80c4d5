// The client's end of an association (RFC 1928, section 7): a UDP port for one client, for as long as its TCP connection
// stands. Takes datagrams of that client only: from its address, and from its port as soon as that is known.

import type { DepotError } from '../errors.ts';
import type { DatagramEndpoint, DatagramSink } from '../net/datagrams.ts';
import type { Descriptors } from '../net/descriptors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { type PortRange, UdpSocket } from '../net/udp-socket.ts';
import { type Address, createAddressEncoder } from '../socks/address.ts';
import { createAddressedDecoder, decodeDatagram, encodeDatagram } from '../socks/datagram.ts';

export interface AssociateOptions {
  /** The IP address that is told to clients, where this host is behind NAT; else the one at which they reached us. */
  readonly advertise: string | undefined;
  readonly ports: PortRange | undefined;
  /** What may wait to be sent to one client, in bytes. */
  readonly queueBytes: number;
}

export interface AssociatingClient {
  /** The TCP connection that the association lives and dies with. */
  readonly connection: Endpoint;
  /** The client's IP address, and ours, on that connection. */
  readonly from: string;
  readonly reachedAt: string;
  /** DST.ADDR and DST.PORT of the request: where the client says that its datagrams will come from. */
  readonly announced: Address;
}

const isUnspecified = (host: string): boolean => host === '0.0.0.0' || host === '::';

export class ClientDatagrams implements DatagramEndpoint {
  /** Where the client shall send its datagrams (BND.ADDR and BND.PORT). */
  readonly bound: Address;
  readonly #udp: UdpSocket;
  readonly #connection: Endpoint;
  readonly #from: string;
  readonly #encode = createAddressEncoder();
  readonly #decode = createAddressedDecoder();
  /** The client's port; undefined until it is known. */
  #client: Address | undefined;
  #sink: DatagramSink | undefined;
  #over = false;
  dropped = 0;

  private constructor(udp: UdpSocket, bound: Address, { connection, from, announced }: AssociatingClient) {
    this.#udp = udp;
    this.bound = bound;
    this.#connection = connection;
    this.#from = from;
    // Behind NAT a client announces an address that is not the one we see; its port means nothing then.
    const known = announced.port !== 0 && (announced.host === from || isUnspecified(announced.host));
    this.#client = known ? { host: from, port: announced.port } : undefined;
  }

  /** Rejects with a `DepotError` where there is no port. */
  static async open(
    client: AssociatingClient,
    { advertise, ports, queueBytes }: AssociateOptions,
    descriptors: Descriptors,
  ): Promise<ClientDatagrams> {
    const arrived = (bytes: Uint8Array, from: Address): void => datagrams.#arrived(bytes, from);
    const failed = (error: DepotError): void => datagrams.#leave(error);
    const options = { queueBytes, descriptors, onDatagram: arrived, onError: failed };
    const udp = await UdpSocket.bind(client.reachedAt, ports, options);
    const bound = { host: advertise ?? client.reachedAt, port: udp.port };
    const datagrams: ClientDatagrams = new ClientDatagrams(udp, bound, client);
    return datagrams;
  }

  readInto(sink: DatagramSink): void {
    this.#sink = sink;
    // Nothing is said on the TCP connection any more; it only has to stand.
    this.#connection.readInto({
      write: (_chunks, taken) => taken(),
      end: () => this.#leave(),
      reset: () => this.#leave(),
    });
  }

  send(data: Uint8Array, source: Address): void {
    const client = this.#client;
    if (
      client === undefined ||
      this.#over ||
      !this.#udp.send(encodeDatagram(this.#encode(source), data), client, this.#drop)
    )
      this.#drop();
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#udp.close();
  }

  #arrived(bytes: Uint8Array, { host, port }: Address): void {
    const isClient = host === this.#from && port === (this.#client?.port ?? port);
    const datagram = isClient ? decodeDatagram(bytes, this.#decode) : undefined;
    if (datagram === undefined || this.#sink === undefined) {
      this.#drop();
      return;
    }
    this.#client ??= { host, port };
    this.#sink.send(datagram.data, datagram.address);
  }

  readonly #drop = (): void => {
    this.dropped += 1;
  };

  #leave(error?: DepotError): void {
    this.end();
    this.#sink?.end(error);
  }
}
