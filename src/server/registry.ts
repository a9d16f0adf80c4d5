// Which locals, or which clients, are connected now. The newest login of a name holds it, at once.

import { DepotError } from '../errors.ts';
import type { Session } from './session.ts';

export interface RegistryHooks {
  readonly onUp: (session: Session) => void;
  readonly onDown: (session: Session, error: DepotError) => void;
  /** It is about to stop, and takes no new requests. */
  readonly onDraining: (session: Session) => void;
}

export class Registry {
  readonly #sessions = new Map<string, Session>();
  readonly #hooks: RegistryHooks;
  readonly #looking = new Set<() => void>();

  constructor(hooks: RegistryHooks) {
    this.#hooks = hooks;
  }

  all(): Session[] {
    return [...this.#sessions.values()];
  }

  get(name: string): Session | undefined {
    return this.#sessions.get(name);
  }

  add(session: Session): void {
    const { kind, name, from } = session.peer;
    this.#sessions.get(name)?.close(new DepotError('replaced', `${kind} ${name} logged in anew from ${from}`));
    this.#sessions.set(name, session);
    void session.closed.then((error) => {
      if (this.#sessions.get(name) === session) this.#sessions.delete(name);
      this.#hooks.onDown(session, error);
    });
    void session.draining.then(() => this.#hooks.onDraining(session));
    this.#hooks.onUp(session);
    for (const look of this.#looking) look();
  }

  /** False where it is not connected. */
  end(name: string, error: DepotError): boolean {
    const session = this.#sessions.get(name);
    session?.close(error);
    return session !== undefined;
  }

  /** Ends the sessions of a user's clients. */
  endOf(user: string, error: DepotError): void {
    for (const [name, session] of this.#sessions) {
      if (name.startsWith(`${user}/`)) session.close(error);
    }
  }

  /** Resolves when all of these have a session. */
  arrived(names: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!names.every((name) => this.#sessions.has(name))) return;
        this.#looking.delete(look);
        resolve();
      };
      this.#looking.add(look);
      look();
    });
  }

  /** Asks nobody for tunnels any more; resolves when none is on its way. */
  async settle(): Promise<void> {
    await Promise.all(this.all().map(({ pool }) => pool.settle()));
  }

  /** Tells everybody that we are about to stop. Returns who will look for another server now. */
  drain(): string[] {
    return this.all()
      .filter((session) => session.drain())
      .map(({ peer }) => peer.name);
  }

  /** Resolves when every session is over and its `onDown` was called. */
  async endAll(error: DepotError): Promise<void> {
    const sessions = [...this.#sessions.values()];
    for (const session of sessions) session.close(error);
    await Promise.all(sessions.map(({ closed }) => closed));
  }

  /** The session of whoever holds this key. */
  byFingerprint(fingerprint: string): Session | undefined {
    return this.#sessions.values().find(({ peer }) => peer.fingerprint === fingerprint);
  }
}
