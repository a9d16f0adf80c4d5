// Who shares which rate: all streams of a user, all streams of a local, each stream for itself.

import { Bucket } from '../net/bucket.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { type Limit, shape } from '../net/shape.ts';

export interface RateSettings {
  /** Bytes per second and direction; null for no limit. */
  readonly user: (name: string) => number | null;
  readonly local: (name: string) => number | null;
  readonly stream: number | null;
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
    const { stream, ...settings } = this.#settings;
    const limits = [
      user === undefined ? undefined : shared(this.#users, user, settings.user(user)),
      shared(this.#locals, local, settings.local(local)),
      stream === null ? undefined : limitOf(stream),
    ];
    return shape(
      endpoint,
      limits.filter((limit) => limit !== undefined),
    );
  }

  /** Running streams that have a limit follow to the new one; those without begin none. */
  userChanged(name: string): void {
    const limit = this.#users.get(name);
    if (limit === undefined) return;
    const rate = this.#settings.user(name) ?? Number.POSITIVE_INFINITY;
    limit.up.bytesPerSecond = rate;
    limit.down.bytesPerSecond = rate;
    if (rate === Number.POSITIVE_INFINITY) this.#users.delete(name);
  }
}

const shared = (limits: Map<string, Limit>, name: string, rate: number | null): Limit | undefined => {
  if (rate === null) return undefined;
  const limit = limits.get(name) ?? limitOf(rate);
  limits.set(name, limit);
  return limit;
};
