// An association on a tunnel, as a DatagramEndpoint: one frame for each datagram, so borders are kept.
// No window: what waits to leave is bounded in bytes, and what is beyond that is dropped. TCP delays, it does not lose;
// a long queue in front of it would only make every datagram late. What is sent in one turn of the loop leaves in one
// piece, for a TLS record and a system call for each datagram would cost more than all the rest.

import { DepotError } from '../errors.ts';
import { encodeDatagramFrame, encodeFrame, encodeJsonFrame, FrameType } from '../link/frames.ts';
import { failureOf } from '../link/messages.ts';
import { nextStreamState, type StreamEvent, type StreamState } from '../link/stream-state.ts';
import { type Address, createAddressEncoder } from '../socks/address.ts';
import { createAddressedDecoder } from '../socks/datagram.ts';
import type { DatagramEndpoint, DatagramSink } from './datagrams.ts';
import type { FrameConnection } from './frame-connection.ts';

/** What a TLS record carries. */
const BATCH_BYTES = 16 * 1024;

export class TunnelDatagrams implements DatagramEndpoint {
  readonly id: number;
  readonly #connection: FrameConnection;
  readonly #queueBytes: number;
  readonly #onClosed: (stream: TunnelDatagrams) => void;
  #state: StreamState = 'opening';
  readonly #encode = createAddressEncoder();
  readonly #decode = createAddressedDecoder();
  #sink: DatagramSink | undefined;
  /** What leaves with this turn of the loop. */
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  /** What has been written and has not left this process. */
  #queuedBytes = 0;
  #ended: { readonly error: DepotError | undefined } | undefined;
  dropped = 0;

  constructor(
    id: number,
    connection: FrameConnection,
    queueBytes: number,
    onClosed: (stream: TunnelDatagrams) => void,
  ) {
    this.id = id;
    this.#connection = connection;
    this.#queueBytes = queueBytes;
    this.#onClosed = onClosed;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  // The side that faces the relay.

  readInto(sink: DatagramSink): void {
    this.#sink = sink;
    if (this.#ended !== undefined) sink.end(this.#ended.error);
  }

  send(data: Uint8Array, address: Address): void {
    const frame = this.#state === 'open' ? encodeDatagramFrame(this.id, this.#encode(address), data) : undefined;
    if (frame === undefined || this.#queuedBytes + frame.length > this.#queueBytes) {
      this.dropped += 1;
      return;
    }
    this.#queuedBytes += frame.length;
    if (this.#batchBytes + frame.length > BATCH_BYTES) this.#flush();
    if (this.#batch.length === 0) setImmediate(this.#flush);
    this.#batch.push(frame);
    this.#batchBytes += frame.length;
  }

  readonly #flush = (): void => {
    const bytes = this.#batchBytes;
    if (bytes === 0) return;
    const [first] = this.#batch;
    const frames = first?.length === bytes ? first : Buffer.concat(this.#batch, bytes);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#connection.send(frames, () => {
      this.#queuedBytes -= bytes;
    });
  };

  end(error?: DepotError): void {
    if (error !== undefined) this.reset(error);
    else if (this.#state === 'open') this.#sendFin();
  }

  reset(error: DepotError): void {
    if (this.isClosed) return;
    this.#flush();
    this.#connection.send(encodeJsonFrame(FrameType.reset, this.id, failureOf(error)));
    this.#move('reset');
  }

  // The side that faces the tunnel. Illegal frames throw, and end the tunnel.

  opened(): void {
    this.#move('opened');
  }

  refused(): void {
    this.#move('refused');
  }

  receive(payload: Uint8Array): void {
    this.#move('data-in');
    const datagram = this.#decode(payload, 0);
    if (datagram === undefined) throw new DepotError('protocol-violation', 'a datagram without an address');
    if (this.#sink === undefined || this.#state !== 'open') this.dropped += 1;
    else this.#sink.send(datagram.data, datagram.address);
  }

  /** One direction is of no use without the other: their end is ours. */
  receiveFin(): void {
    this.#move('fin-in');
    if (!this.isClosed) this.#sendFin();
    this.#tell(undefined);
  }

  /** The other side aborted, or the tunnel is gone. */
  abort(error: DepotError): void {
    if (this.isClosed) return;
    this.#batchBytes = 0;
    this.#batch = [];
    this.#move('reset');
    this.#tell(error);
  }

  #tell(error: DepotError | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#sink?.end(error);
  }

  #sendFin(): void {
    this.#flush();
    this.#connection.send(encodeFrame(FrameType.fin, this.id));
    this.#move('fin-out');
  }

  #move(event: StreamEvent): void {
    const before = this.#state;
    this.#state = nextStreamState(before, event);
    if (this.#state === 'closed' && before !== 'closed') this.#onClosed(this);
  }
}
