// What comes out of TLS for one stream: gathered, passed on in one write for each turn of the loop (but for a small piece
// by itself, which waits for nothing), the next one when that was taken, and the FIN behind all of it. Knows nothing of
// credit, nor of who is asked to send less.

import type { BufferPool } from '../link/buffer-pool.ts';
import type { Sink } from './endpoint.ts';
import { Gather } from './gather.ts';

const NOTHING: readonly Uint8Array[] = [];
/** Up to here a piece that comes first is an answer rather than the beginning of a bulk, and goes on at once. */
const LONE_BYTES = 4 * 1024;

/** Whose bytes these are. */
export interface InflowOwner {
  /** So many bytes were taken. Calls `deliver`, now or later. */
  passedOn(bytes: number): void;
}

export class Inflow {
  readonly #owner: InflowOwner;
  readonly #gather: Gather;
  #sink: Sink | undefined;
  #given = NOTHING;
  #givenBytes = 0;
  #scheduled = false;
  #dropped = false;
  #fin: 'none' | 'arrived' | 'delivered' = 'none';

  constructor(pool: BufferPool, owner: InflowOwner) {
    this.#gather = new Gather(pool);
    this.#owner = owner;
  }

  /** What lies here and was not given yet. */
  get waitingBytes(): number {
    return this.#gather.bytes;
  }

  /** What lies here, given or not. */
  get heldBytes(): number {
    return this.#gather.bytes + this.#givenBytes;
  }

  get finArrived(): boolean {
    return this.#fin !== 'none';
  }

  into(sink: Sink): void {
    this.#sink = sink;
    this.deliver();
  }

  push(bytes: Uint8Array): void {
    this.#gather.push(bytes);
    if (bytes.length <= LONE_BYTES && this.#gather.bytes === bytes.length) this.deliver();
    else this.#schedule();
  }

  /** Nothing will come any more. */
  end(): void {
    this.#fin = 'arrived';
    if (this.#gather.bytes === 0) this.deliver();
    else this.#schedule();
  }

  /** Nobody wants what lies here. */
  drop(): void {
    this.#dropped = true;
    this.#givenBytes = 0;
    this.#gather.take();
  }

  deliver(): void {
    if (this.#sink === undefined || this.#dropped || this.#givenBytes > 0) return;
    if (this.#gather.bytes > 0) {
      this.#givenBytes = this.#gather.bytes;
      this.#given = this.#gather.take();
      this.#sink.write(this.#given, this.#taken);
    } else if (this.#fin === 'arrived') {
      this.#fin = 'delivered';
      this.#sink.end();
    }
  }

  readonly #taken = (): void => {
    const bytes = this.#givenBytes;
    this.#gather.recycle(this.#given);
    this.#given = NOTHING;
    this.#givenBytes = 0;
    this.#owner.passedOn(bytes);
  };

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.deliver();
    });
  }
}
