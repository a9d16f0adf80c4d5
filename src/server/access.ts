// Who a client is: checks names and passwords, remembers for a while which were right (a browser that opens fifty
// connections pays once), and slows down whoever guesses.

import { hash as digest, randomBytes } from 'node:crypto';
import type { Authenticate } from '../entry/options.ts';
import type { Store } from '../store/store.ts';
import { NOBODYS_HASH, verifyPassword } from '../credentials/passwords.ts';
import { type Penalties, remember } from '../credentials/penalties.ts';
import { splitUser } from './router.ts';

/** How many hashes are computed side by side; each takes 19 MiB and a thread of four. */
const CONCURRENT_HASHES = 2;
/** How many may wait for that; more are turned away at once. */
const WAITING_HASHES = 200;
/** How long a proven password is good without being hashed again. */
const PROVEN_MS = 5 * 60_000;
const PROVEN_ENTRIES = 10_000;

export class Access {
  readonly #store: Store;
  readonly #key = randomBytes(32).toString('base64');
  /** Keyed digest of user, password and stored hash, to when it expires. Oldest first. */
  readonly #proven = new Map<string, number>();
  readonly #penalties: Penalties;
  readonly #verifying = new Map<string, Promise<boolean | undefined>>();
  readonly #waiting: (() => void)[] = [];
  #hashing = 0;

  constructor(store: Store, penalties: Penalties) {
    this.#store = store;
    this.#penalties = penalties;
  }

  readonly authenticate: Authenticate = async ({ username, password }, from, signal) => {
    const { user: name } = splitUser(username);
    const user = this.#store.user(name);
    const hash = user?.passwordHash ?? NOBODYS_HASH;
    const proof = this.#proofOf(name, hash, password);
    if (this.#isProven(proof)) {
      remember(this.#proven, proof, performance.now() + PROVEN_MS, PROVEN_ENTRIES);
      return true;
    }
    await this.#penalties.serve(from, signal);
    const right = await this.#verifyOnce(proof, password, hash);
    if (right === undefined) return false;
    if (right && user !== undefined) {
      this.#penalties.forgive(from);
      remember(this.#proven, proof, performance.now() + PROVEN_MS, PROVEN_ENTRIES);
      return true;
    }
    this.#penalties.failed(from);
    return false;
  };

  /** Who asks the same while the answer is on its way, waits for that one. */
  #verifyOnce(proof: string, password: string, hash: string): Promise<boolean | undefined> {
    const running =
      this.#verifying.get(proof) ?? this.#verify(password, hash).finally(() => this.#verifying.delete(proof));
    this.#verifying.set(proof, running);
    return running;
  }

  /** Undefined where too many wait already: nobody knows then whether it was right. */
  async #verify(password: string, hash: string): Promise<boolean | undefined> {
    if (this.#hashing >= CONCURRENT_HASHES) {
      if (this.#waiting.length >= WAITING_HASHES) return undefined;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#hashing += 1;
    }
    try {
      return await verifyPassword(password, hash);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#hashing -= 1;
      else next();
    }
  }

  #isProven(proof: string): boolean {
    return (this.#proven.get(proof) ?? 0) > performance.now();
  }

  /** A new password, or a user made anew, has another hash, and so another proof. */
  #proofOf(name: string, hash: string, password: string): string {
    return digest('sha256', JSON.stringify([this.#key, name, hash, password]), 'base64');
  }
}
