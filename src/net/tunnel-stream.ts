// One stream on a tunnel, as an Endpoint: credit windows, half-close and abort over frames.

import { DepotError } from '../errors.ts';
import {
  encodeFrame,
  encodeJsonFrame,
  encodeWindow,
  FrameType,
  INITIAL_WINDOW_BYTES,
  MAX_DATA_BYTES,
} from '../link/frames.ts';
import { failureOf } from '../link/messages.ts';
import { nextStreamState, type StreamEvent, type StreamState } from '../link/stream-state.ts';
import { ReceiveWindow, type WindowOptions } from '../link/window.ts';
import type { Endpoint, Sink } from './endpoint.ts';
import type { FrameConnection } from './frame-connection.ts';
import { Inflow, type InflowOwner } from './inflow.ts';

/** The most that a sender may have been granted at once; more is a broken or hostile peer. */
const MAX_CREDIT_BYTES = 2 ** 31;

interface Outgoing {
  readonly chunks: readonly Uint8Array[];
  readonly taken: () => void;
  /** Which chunk is next, and where in it. */
  index: number;
  offset: number;
}

export class TunnelStream implements Endpoint, InflowOwner {
  readonly id: number;
  readonly #connection: FrameConnection;
  readonly #window: ReceiveWindow;
  readonly #onClosed: (stream: TunnelStream) => void;
  #state: StreamState = 'opening';
  #sink: Sink | undefined;
  #error: DepotError | undefined;

  #creditBytes = INITIAL_WINDOW_BYTES;
  #outgoing: Outgoing | undefined;
  /** Set once no more will be written: what to call when the FIN has left. */
  #ending: (() => void) | undefined;

  readonly #incoming: Inflow;

  constructor(
    id: number,
    connection: FrameConnection,
    windows: WindowOptions,
    onClosed: (stream: TunnelStream) => void,
  ) {
    this.id = id;
    this.#connection = connection;
    this.#window = new ReceiveWindow(windows, performance.now());
    this.#incoming = new Inflow(windows.budget.pool, this);
    this.#onClosed = onClosed;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  // The side that faces the relay.

  readInto(sink: Sink): void {
    this.#sink = sink;
    this.#incoming.into(sink);
    if (this.#error !== undefined) sink.reset(this.#error);
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    if (this.isClosed) return;
    this.#outgoing = { chunks, taken, index: 0, offset: 0 };
    this.#pump();
  }

  end(flushed: () => void = ignore): void {
    this.#ending = flushed;
    this.#pump();
  }

  /** What lies here may outlive the last frame: it is dropped then, and the other side has nothing to hear of that. */
  reset(error: DepotError): void {
    this.#forget();
    if (this.isClosed) {
      this.#closeWindow();
      return;
    }
    this.#connection.send(encodeJsonFrame(FrameType.reset, this.id, failureOf(error)));
    this.#move('reset');
  }

  /** The sink has taken so much: the other side may send as much again. */
  passedOn(bytes: number): void {
    this.#closeWindow();
    if (!this.isClosed && !this.#incoming.finArrived) {
      const { roundTripMs = 0, lineMs = 0 } = this.#connection;
      const grant = this.#window.consumed(bytes, performance.now(), roundTripMs, lineMs);
      if (grant > 0) this.#connection.send(encodeWindow(this.id, grant));
    }
    this.#incoming.deliver();
  }

  // The side that faces the tunnel. Illegal frames throw, and end the tunnel.

  /** The request was answered with success: from here on bytes flow. */
  opened(): void {
    this.#move('opened');
    this.#pump();
  }

  /** The request was answered, and the answer is all that was asked for. */
  answered(): void {
    this.#move('answered');
  }

  /** The request was answered with failure. */
  refused(): void {
    this.#move('refused');
  }

  receive(bytes: Uint8Array): void {
    this.#move('data-in');
    if (!this.#window.received(bytes.length))
      throw new DepotError('protocol-violation', 'more data than the window allows');
    this.#incoming.push(bytes);
  }

  receiveFin(): void {
    this.#move('fin-in');
    this.#incoming.end();
  }

  grant(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes > MAX_CREDIT_BYTES)
      throw new DepotError('protocol-violation', 'a window that is larger than any may be');
    this.#pump();
  }

  /** The other side aborted, or the tunnel is gone. */
  abort(error: DepotError): void {
    if (this.isClosed) return;
    this.#error = error;
    this.#forget();
    this.#move('reset');
    this.#sink?.reset(error);
  }

  #move(event: StreamEvent): void {
    const before = this.#state;
    this.#state = nextStreamState(before, event);
    if (this.#state !== 'closed' || before === 'closed') return;
    this.#closeWindow();
    this.#onClosed(this);
  }

  /** What lies here still counts, after the last frame too. */
  #closeWindow(): void {
    if (this.isClosed && this.#incoming.heldBytes === 0) this.#window.close();
  }

  #forget(): void {
    this.#outgoing = undefined;
    this.#incoming.drop();
  }

  #pump(): void {
    if (this.#state === 'opening') return;
    if (this.#outgoing !== undefined) this.#sendAllowed(this.#outgoing);
    else if (this.#ending !== undefined) this.#sendFin(this.#ending);
  }

  /** Sends what credit allows; `taken` is called when the last piece has left. */
  #sendAllowed(outgoing: Outgoing): void {
    const { chunks } = outgoing;
    let chunk = chunks[outgoing.index];
    while (chunk !== undefined && this.#creditBytes > 0) {
      const end = Math.min(chunk.length, outgoing.offset + this.#creditBytes, outgoing.offset + MAX_DATA_BYTES);
      const piece = chunk.subarray(outgoing.offset, end);
      this.#creditBytes -= piece.length;
      outgoing.offset = end;
      if (end === chunk.length) {
        outgoing.index += 1;
        outgoing.offset = 0;
        chunk = chunks[outgoing.index];
      }
      this.#connection.sendData(this.id, piece, chunk === undefined ? () => this.#sent(outgoing) : ignore);
    }
  }

  #sent(outgoing: Outgoing): void {
    if (this.#outgoing !== outgoing) return;
    this.#outgoing = undefined;
    outgoing.taken();
    if (this.#outgoing === undefined && this.#ending !== undefined) this.#sendFin(this.#ending);
  }

  #sendFin(flushed: () => void): void {
    this.#ending = undefined;
    if (this.isClosed) return;
    // Only a FIN that has left ends our direction: if the line dies first, the stream was aborted, and says so.
    this.#connection.send(encodeFrame(FrameType.fin, this.id), () => {
      if (this.isClosed) return;
      this.#move('fin-out');
      flushed();
    });
  }
}

const ignore = (): void => undefined;
