// Who shares which rate: all streams of a user, all streams of a local, each stream for itself.

import { Bucket } from '../net/bucket.ts';
import type { DatagramEndpoint } from '../net/datagrams.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { type Limit, shape } from '../net/shape.ts';
import { shapeDatagrams } from '../net/shape-datagrams.ts';

export interface RateSettings {
  /** Bytes per second and direction; null for no limit. */
  readonly user: (name: string) => number | null;
  readonly local: (name: string) => number | null;
  readonly stream: () => number | null;
}

const limitOf = (bytesPerSecond: number): Limit => ({
  up: new Bucket(bytesPerSecond),
  down: new Bucket(bytesPerSecond),
});

export class Rates {
  readonly #settings: RateSettings;
  readonly #users = new Map<string, Limit>();
  readonly #locals = new Map<string, Limit>();

  constructor(settings: RateSettings) {
    this.#settings = settings;
  }

  /** The endpoint of a stream under every limit that is set; the very same one where none is. */
  apply(endpoint: Endpoint, user: string | undefined, local: string): Endpoint {
    return shape(endpoint, [...this.#ofAsker(user), ...this.#ofLocal(local)]);
  }

  /** An association as a whole, under the limits of its user and of one stream. */
  applyToAssociation(endpoint: DatagramEndpoint, user: string | undefined): DatagramEndpoint {
    return shapeDatagrams(endpoint, this.#ofAsker(user));
  }

  /** The part of an association that one local carries. */
  applyToBranch(endpoint: DatagramEndpoint, local: string): DatagramEndpoint {
    return shapeDatagrams(endpoint, this.#ofLocal(local));
  }

  /** Running streams that share a limit follow to the new one; those without begin none. */
  userChanged(name: string): void {
    follow(this.#users, name, this.#settings.user(name));
  }

  /** The same for those of every local. What one stream may carry counts for streams that begin from now on. */
  localsChanged(): void {
    for (const name of this.#locals.keys()) follow(this.#locals, name, this.#settings.local(name));
  }

  #ofAsker(user: string | undefined): readonly Limit[] {
    const stream = this.#settings.stream();
    return [
      ...(user === undefined ? [] : shared(this.#users, user, this.#settings.user(user))),
      ...(stream === null ? [] : [limitOf(stream)]),
    ];
  }

  #ofLocal(local: string): readonly Limit[] {
    return shared(this.#locals, local, this.#settings.local(local));
  }
}

/** None where there is no rate. */
const shared = (limits: Map<string, Limit>, name: string, rate: number | null): readonly Limit[] => {
  if (rate === null) return [];
  const limit = limits.get(name) ?? limitOf(rate);
  limits.set(name, limit);
  return [limit];
};

const follow = (limits: Map<string, Limit>, name: string, rate: number | null): void => {
  const limit = limits.get(name);
  if (limit === undefined) return;
  limit.up.bytesPerSecond = rate ?? Number.POSITIVE_INFINITY;
  limit.down.bytesPerSecond = rate ?? Number.POSITIVE_INFINITY;
  if (rate === null) limits.delete(name);
};
