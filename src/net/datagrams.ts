// What an association joins: one end of a flow of datagrams in both directions, and the relay between two of them.
// Beside Endpoint and Relay on purpose: here nothing waits. What cannot go on at once is dropped, as UDP itself would,
// and counted; so there is no back-pressure, and no half-close.

import type { DepotError } from '../errors.ts';
import type { Address } from '../socks/address.ts';
import type { OnEnded } from './relay.ts';

/** Where datagrams go. */
export interface DatagramSink {
  /**
   * Sends one, or drops it. `address` is where it goes on the way to the app, and where it came from on the way back.
   * `data` is the giver's again as soon as this returns.
   */
  send(data: Uint8Array, address: Address): void;
  /** No more, in both directions: in order, or because of `error`. */
  end(error?: DepotError): void;
}

/** What an empty datagram that waits takes: without it, so many of them could wait as somebody cares to send. */
export const OVERHEAD_BYTES = 64;

/** What a datagram that waits counts as. */
export const waitingBytes = (data: Uint8Array): number => data.length + OVERHEAD_BYTES;

/** One end of an association. */
export interface DatagramEndpoint extends DatagramSink {
  /** Begins to deliver into `sink`. Call it once. What comes before is dropped. `sink.end` is the last call. */
  readInto(sink: DatagramSink): void;
  /** How many datagrams were dropped here, from either side. */
  readonly dropped: number;
}

/** One running association. "Up" is from the client to the app; bytes are counted live, without headers. */
export class DatagramRelay {
  readonly #ends: readonly [client: DatagramEndpoint, app: DatagramEndpoint];
  readonly #idleMs: number;
  readonly #onEnded: OnEnded;
  #over = false;
  #movedAtMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  bytesUp = 0;
  bytesDown = 0;

  /** An association that carries nothing for `idleMs` is ended, in order. `onEnded` hears that as well. */
  constructor(client: DatagramEndpoint, app: DatagramEndpoint, idleMs: number, onEnded: OnEnded) {
    this.#ends = [client, app];
    this.#idleMs = idleMs;
    this.#onEnded = onEnded;
    client.readInto({
      send: (data, address) => {
        this.bytesUp += data.length;
        this.#movedAtMs = performance.now();
        app.send(data, address);
      },
      end: (error) => this.#end(error),
    });
    app.readInto({
      send: (data, address) => {
        this.bytesDown += data.length;
        this.#movedAtMs = performance.now();
        client.send(data, address);
      },
      end: (error) => this.#end(error),
    });
    this.#watch();
  }

  get dropped(): number {
    return this.#ends[0].dropped + this.#ends[1].dropped;
  }

  abort(error: DepotError): void {
    this.#end(error);
  }

  #watch(): void {
    if (this.#over) return;
    const leftMs = this.#idleMs - (performance.now() - this.#movedAtMs);
    if (leftMs > 0) this.#timer = setTimeout(() => this.#watch(), leftMs);
    else this.#end();
  }

  #end(error?: DepotError): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    for (const end of this.#ends) end.end(error);
    queueMicrotask(() => this.#onEnded(error));
  }
}
