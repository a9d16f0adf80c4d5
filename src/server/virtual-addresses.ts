// Addresses that stand for `.depot` names, for programs that look a name up before they connect (torsocks).
// An address alone cannot say which local it is behind, and a loopback means the client's own machine to every program.
// So the answer is an address that nobody has, and a request for it is a request for the name. Knows no route and no user.

import { createHash } from 'node:crypto';

/** 198.18.0.0/15, set aside for measurements (RFC 2544): no network behind a local should have it. */
const FIRST = (198 << 24) | (18 << 16);
const COUNT = 2 ** 17;
/** How many names are remembered; the one that was not used for longest goes first. */
const KEPT = 10_000;

const textOf = (index: number): string => {
  const address = FIRST + index;
  return [address >>> 24, (address >>> 16) & 0xff, (address >>> 8) & 0xff, address & 0xff].join('.');
};

export class VirtualAddresses {
  /** Least recently used first. */
  readonly #names = new Map<string, string>();

  /** The name that this address stands for. */
  nameOf(address: string): string | undefined {
    const name = this.#names.get(address);
    if (name !== undefined) this.#remember(address, name);
    return name;
  }

  /** The address of a name: made from the name, so that it is mostly the same again after a restart. */
  addressOf(name: string): string {
    const start = createHash('sha256').update(name).digest().readUInt32BE() % COUNT;
    for (let step = 0; ; step += 1) {
      const address = textOf((start + step) % COUNT);
      const holder = this.#names.get(address);
      if (holder !== undefined && holder !== name) continue;
      this.#remember(address, name);
      return address;
    }
  }

  #remember(address: string, name: string): void {
    this.#names.delete(address);
    this.#names.set(address, name);
    if (this.#names.size > KEPT) this.#names.delete(this.#names.keys().next().value ?? address);
  }
}
