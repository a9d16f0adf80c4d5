// Which locals, or which clients, are connected now. The newest login of a name holds it, at once.

import { DepotError } from '../errors.ts';
import type { Session } from './session.ts';

export interface RegistryHooks {
  readonly onUp: (session: Session) => void;
  /** Called before `onUp` of a newer session of this name, so that the last word about a name is true. */
  readonly onDown: (session: Session, error: DepotError) => void;
  /** It is about to stop, and takes no new requests. */
  readonly onDraining: (session: Session) => void;
}

export class Registry {
  readonly #sessions = new Map<string, Session>();
  /** Of those that were told to leave and are back: they end with their streams. */
  readonly #retired = new Set<Session>();
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
    const { name } = session.peer;
    for (const before of this.#held()) this.#replace(before, session);
    this.#sessions.set(name, session);
    void session.closed.then((why) => {
      this.#retired.delete(session);
      this.#over(session, why);
    });
    void session.draining.then(() => this.#hooks.onDraining(session));
    this.#hooks.onUp(session);
    for (const look of this.#looking) look();
  }

  /** False where it is not connected. */
  end(name: string, error: DepotError): boolean {
    const sessions = this.#held().filter(({ peer }) => peer.name === name);
    for (const session of sessions) session.close(error);
    return sessions.length > 0;
  }

  /** Ends the sessions of a user's clients. */
  endOf(user: string, error: DepotError): void {
    for (const session of this.#held()) if (session.peer.name.startsWith(`${user}/`)) session.close(error);
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

  /** Takes `settle` and `drain` back. Who was told to look for another server finds us, and its streams go on. */
  resume(): void {
    for (const session of this.all()) session.resume();
  }

  /** Ends what the new session takes the place of. A name has one key, and a key one name: who joined anew has left both. */
  #replace(before: Session, { peer: { kind, name, from, fingerprint } }: Session): void {
    const hasName = before.peer.name === name;
    const hasKey = before.peer.fingerprint === fingerprint;
    if (!hasName && !hasKey) return;
    const why = hasName ? `${name} logged in anew from ${from}` : `${before.peer.name} is called ${name} now`;
    const error = new DepotError('replaced', `${kind} ${why}`);
    if (hasName && hasKey && before.isLeft) this.#retire(before, error);
    else before.close(error);
    this.#over(before, error);
  }

  /** Tells, once, that a session does not hold its name any more. */
  #over(session: Session, error: DepotError): void {
    const { name } = session.peer;
    if (this.#sessions.get(name) !== session) return;
    this.#sessions.delete(name);
    this.#hooks.onDown(session, error);
  }

  #held(): Session[] {
    return [...this.#sessions.values(), ...this.#retired];
  }

  #retire(session: Session, error: DepotError): void {
    this.#retired.add(session);
    void session.pool.idle().then(() => session.close(error));
  }

  /** Resolves when every session is over and its `onDown` was called. */
  async endAll(error: DepotError): Promise<void> {
    const sessions = this.#held();
    for (const session of sessions) session.close(error);
    await Promise.all(sessions.map(({ closed }) => closed));
  }

  /** The session of whoever holds this key. */
  byFingerprint(fingerprint: string): Session | undefined {
    return this.#sessions.values().find(({ peer }) => peer.fingerprint === fingerprint);
  }
}
