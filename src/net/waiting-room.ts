// Those who were accepted and have not said yet what they want. Bounded, in all and from one address: whoever comes when
// it is full takes the place of the one who has waited longest, so that strangers who say nothing keep nobody out.

import type { Descriptors } from './descriptors.ts';
import { networkOf } from '../socks/address.ts';

/** Whoever waits. */
export interface Waiting {
  /** It was served already and may ask for more: nobody that has to be waited for. */
  readonly isReturning?: boolean;
  /** IP address. */
  readonly from: string;
  /** Ends the connection without another word. */
  destroy(): void;
}

/** Read whenever somebody comes. */
export interface WaitingRoomOptions {
  /** How many may wait in all. */
  readonly strangersMax: number;
  /** How many of one address; of one /64 with IPv6. */
  readonly strangersPerAddressMax: number;
}

/** For a port with room for so many connections: half of it is for those whom nobody knows, a quarter for each address. */
export const roomAmong = (connectionsMax: number): WaitingRoomOptions => ({
  strangersMax: Math.ceil(connectionsMax / 2),
  strangersPerAddressMax: Math.ceil(connectionsMax / 4),
});

/** As the settings say, but for no more than this part of the files that are not reserved. */
export const roomFor = (settings: WaitingRoomOptions, descriptors: Descriptors, part: number): WaitingRoomOptions => ({
  get strangersMax() {
    return descriptors.atMost(settings.strangersMax, part);
  },
  get strangersPerAddressMax() {
    return settings.strangersPerAddressMax;
  },
});

export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  /** In the order in which they came. */
  readonly #all = new Set<Waiting>();
  readonly #byNetwork = new Map<string, Set<Waiting>>();
  readonly #emptied: (() => void)[] = [];

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  enter(waiting: Waiting): void {
    const network = networkOf(waiting.from);
    const neighbours = this.#byNetwork.get(network) ?? new Set();
    this.#byNetwork.set(network, neighbours.add(waiting));
    this.#all.add(waiting);
    const { strangersMax, strangersPerAddressMax } = this.#options;
    while (neighbours.size > strangersPerAddressMax) this.#showOut(neighbours);
    while (this.#all.size > strangersMax) this.#showOut(this.#all);
  }

  leave(waiting: Waiting): void {
    if (!this.#all.delete(waiting)) return;
    const network = networkOf(waiting.from);
    const neighbours = this.#byNetwork.get(network);
    neighbours?.delete(waiting);
    if (neighbours?.size === 0) this.#byNetwork.delete(network);
    if (this.size === 0) for (const resolve of this.#emptied.splice(0)) resolve();
  }

  /** Ends those who have been served. Resolves when nobody is left. */
  empty(): Promise<void> {
    for (const waiting of this.#all) if (waiting.isReturning === true) waiting.destroy();
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#emptied.push(resolve));
  }

  /** Ends everybody who waits. */
  clear(): void {
    for (const waiting of this.#all) waiting.destroy();
  }

  /** Ends whoever has waited longest, so that the next one who comes finds room. */
  makeRoom(): void {
    this.#showOut(this.#all);
  }

  #showOut(from: ReadonlySet<Waiting>): void {
    const [longest] = from;
    if (longest === undefined) return;
    this.leave(longest);
    longest.destroy();
  }
}
