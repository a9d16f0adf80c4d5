// Who has logged in to the dashboard. Sessions are in memory only: a restart ends them all.

import { createHash, randomBytes } from 'node:crypto';

const ID_BYTES = 32;
const MOST_SESSIONS = 100;
/** However busy, a session ends after so long. */
const LONGEST_MS = 7 * 24 * 3600 * 1000;

interface Session {
  readonly end: AbortController;
  readonly startedMs: number;
  seenMs: number;
}

export class Sessions {
  readonly #idleMs: () => number;
  readonly #nowMs: () => number;
  /** By the digest of their id, so that how long a look-up takes says nothing of an id. Oldest first. */
  readonly #sessions = new Map<string, Session>();

  constructor(idleMs: () => number, nowMs: () => number = () => performance.now()) {
    this.#idleMs = idleMs;
    this.#nowMs = nowMs;
  }

  /** The id of a new session: secret, 256 random bits. */
  begin(): string {
    const id = randomBytes(ID_BYTES).toString('base64url');
    const nowMs = this.#nowMs();
    this.#sessions.set(digestOf(id), { end: new AbortController(), startedMs: nowMs, seenMs: nowMs });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MOST_SESSIONS && oldest !== undefined) this.#end(oldest);
    return id;
  }

  /** The signal that ends what a session may do; undefined where there is no such session (any more). */
  use(id: string): AbortSignal | undefined {
    this.expire();
    const session = this.#sessions.get(digestOf(id));
    if (session !== undefined) session.seenMs = this.#nowMs();
    return session?.end.signal;
  }

  end(id: string): void {
    this.#end(digestOf(id));
  }

  endAll(): void {
    for (const key of this.#sessions.keys()) this.#end(key);
  }

  /** Ends those that nobody has used for too long. A page that follows the events does not count as use. */
  expire(): void {
    const [nowMs, idleMs] = [this.#nowMs(), this.#idleMs()];
    for (const [key, { seenMs, startedMs }] of this.#sessions)
      if (nowMs - seenMs > idleMs || nowMs - startedMs > LONGEST_MS) this.#end(key);
  }

  #end(key: string): void {
    this.#sessions.get(key)?.end.abort();
    this.#sessions.delete(key);
  }
}

const digestOf = (id: string): string => createHash('sha256').update(id).digest('base64url');
