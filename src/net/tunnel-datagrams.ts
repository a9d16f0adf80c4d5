// An association on a tunnel, as a DatagramEndpoint: one frame for each datagram, so borders are kept.
// No window: what waits to leave is bounded in bytes, and what is beyond that is dropped. TCP delays, it does not lose;
// a long queue in front of it would only make every datagram late.

import { DepotError } from '../errors.ts';
import { encodeDatagramFrame, encodeFrame, encodeJsonFrame, FrameType } from '../link/frames.ts';
import { failureOf } from '../link/messages.ts';
import { nextStreamState, type StreamEvent, type StreamState } from '../link/stream-state.ts';
import type { Address } from '../socks/address.ts';
import { decodeAddressed } from '../socks/datagram.ts';
import type { DatagramEndpoint, DatagramSink } from './datagrams.ts';
import type { FrameConnection } from './frame-connection.ts';

export class TunnelDatagrams implements DatagramEndpoint {
  readonly id: number;
  readonly #connection: FrameConnection;
  readonly #queueBytes: number;
  readonly #onClosed: () => void;
  #state: StreamState = 'opening';
  #sink: DatagramSink | undefined;
  /** What has been written and has not left this process. */
  #queuedBytes = 0;
  #ended: { readonly error: DepotError | undefined } | undefined;
  dropped = 0;

  constructor(id: number, connection: FrameConnection, queueBytes: number, onClosed: () => void) {
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
    const frame = this.#state === 'open' ? encodeDatagramFrame(this.id, address, data) : undefined;
    if (frame === undefined || this.#queuedBytes + frame.length > this.#queueBytes) {
      this.dropped += 1;
      return;
    }
    this.#queuedBytes += frame.length;
    this.#connection.send(frame, () => {
      this.#queuedBytes -= frame.length;
    });
  }

  end(error?: DepotError): void {
    if (error !== undefined) this.reset(error);
    else if (this.#state === 'open') this.#sendFin();
  }

  reset(error: DepotError): void {
    if (this.isClosed) return;
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
    const datagram = decodeAddressed(payload, 0);
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
    this.#move('reset');
    this.#tell(error);
  }

  #tell(error: DepotError | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#sink?.end(error);
  }

  #sendFin(): void {
    this.#connection.send(encodeFrame(FrameType.fin, this.id));
    this.#move('fin-out');
  }

  #move(event: StreamEvent): void {
    const before = this.#state;
    this.#state = nextStreamState(before, event);
    if (this.#state === 'closed' && before !== 'closed') this.#onClosed();
  }
}
