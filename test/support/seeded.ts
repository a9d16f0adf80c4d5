// Chance that can be had again: the same label gives the same bytes and choices. AES in counter mode over zeros.

import { type Cipheriv, createCipheriv, createHash } from 'node:crypto';

export class Seeded {
  readonly #cipher: Cipheriv;

  constructor(label: string) {
    const key = createHash('sha256').update(label).digest().subarray(0, 16);
    this.#cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  }

  bytes(length: number): Buffer {
    return this.#cipher.update(Buffer.alloc(length));
  }

  /** In [0, 1). */
  fraction(): number {
    return this.bytes(4).readUInt32BE() / 2 ** 32;
  }

  /** An integer from 0 up to, and without, `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** One of them. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}
