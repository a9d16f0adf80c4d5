// Holds a flow of datagrams to what its buckets allow, by dropping what is over: nothing waits here, as nowhere on the
// way of a datagram. The buckets may be the same as those of streams, and then count both together.

import type { DepotError } from '../errors.ts';
import type { Address } from '../socks/address.ts';
import type { Bucket } from './bucket.ts';
import type { DatagramEndpoint, DatagramSink } from './datagrams.ts';
import type { Limit } from './shape.ts';

/** Pays for so many bytes in every bucket, or in none where one of them has no room. */
const pay = (buckets: readonly Bucket[], bytes: number): boolean => {
  if (!buckets.every((bucket) => bucket.hasRoom)) return false;
  for (const bucket of buckets) bucket.reserve(bytes);
  return true;
};

class ShapedDatagrams implements DatagramEndpoint {
  readonly #inner: DatagramEndpoint;
  readonly #up: readonly Bucket[];
  readonly #down: readonly Bucket[];
  #dropped = 0;

  constructor(inner: DatagramEndpoint, limits: readonly Limit[]) {
    this.#inner = inner;
    this.#up = limits.map(({ up }) => up);
    this.#down = limits.map(({ down }) => down);
  }

  get dropped(): number {
    return this.#dropped + this.#inner.dropped;
  }

  readInto(sink: DatagramSink): void {
    this.#inner.readInto({
      send: (data, address) => this.#pass(sink, this.#down, data, address),
      end: (error) => sink.end(error),
    });
  }

  send(data: Uint8Array, address: Address): void {
    this.#pass(this.#inner, this.#up, data, address);
  }

  end(error?: DepotError): void {
    this.#inner.end(error);
  }

  #pass(to: DatagramSink, buckets: readonly Bucket[], data: Uint8Array, address: Address): void {
    if (pay(buckets, data.length)) to.send(data, address);
    else this.#dropped += 1;
  }
}

/** The same endpoint under these limits, each of which counts; the very same one where there is none. */
export const shapeDatagrams = (endpoint: DatagramEndpoint, limits: readonly Limit[]): DatagramEndpoint =>
  limits.length === 0 ? endpoint : new ShapedDatagrams(endpoint, limits);
