// Who may do what, put together: the rules, what users run and use, their rates. Decides about requests as they come,
// and again about streams that run, when a user was changed, is over its limit, or is not valid any more.

import { DepotError, type ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Request } from '../net/connector.ts';
import type { Endpoint } from '../net/endpoint.ts';
import type { Streams, StreamSnapshot } from '../net/streams.ts';
import type { UserLimits } from '../rules/limits.ts';
import { type OrderedRule, parseOrderedRule } from '../rules/ordered.ts';
import type { Store } from '../store/store.ts';
import { Accounts } from './accounts.ts';
import { type Decision, decide, type DecidedUser } from './decide.ts';
import { Rates } from './rates.ts';
import type { Registry } from './registry.ts';
import { type Group, splitUser } from './router.ts';

export interface GateOptions {
  readonly store: Store;
  readonly registry: Registry;
  readonly log: Log;
  readonly streams: () => Streams;
  /** For everybody, after a user's own. */
  readonly rules: readonly OrderedRule[];
  readonly groups: ReadonlyMap<string, Group>;
  /** Bytes per second and direction; null for no limit. */
  readonly rates: { readonly stream: number | null; readonly local: (name: string) => number | null };
}

/** What ends a stream that runs already. That its local is away, or that there are more locals now, does not. */
const FORBIDDEN: ReadonlySet<ErrorCode> = new Set(['not-allowed', 'quota-exceeded', 'too-many-streams']);

export class Gate {
  readonly #options: GateOptions;
  readonly #accounts: Accounts;
  readonly #rates: Rates;
  /** The rules of users, read once. */
  readonly #rules = new WeakMap<UserLimits, readonly OrderedRule[]>();

  constructor(options: GateOptions) {
    const { store, log, streams, rates } = options;
    this.#options = options;
    this.#accounts = new Accounts({
      store,
      log,
      streams: () => streams().snapshots(),
      onCounted: (users) => this.#endWhatIsOver(users),
    });
    this.#rates = new Rates({ ...rates, user: (name) => store.user(name)?.limits.rateBytes ?? null });
  }

  /** What would become of a request that does not run yet. */
  decide(asked: Pick<Request, 'command' | 'destination' | 'user' | 'from'>): Decision {
    return this.#decide(asked, (user) => this.#accounts.running(user));
  }

  /** The same for one that is counted among the streams of its user already. */
  decideStarted(request: Request): Decision {
    return this.#decide(request, (user) => this.#accounts.running(user) - 1);
  }

  /** The endpoint of a stream, slowed down to the limits that are set. */
  shape(endpoint: Endpoint, user: string | undefined, local: string): Endpoint {
    return this.#rates.apply(endpoint, user, local);
  }

  started(stream: StreamSnapshot): void {
    this.#accounts.started(stream);
  }

  ended(stream: StreamSnapshot): void {
    this.#accounts.ended(stream);
  }

  /** Bytes of a user in this month. */
  usedBytes(user: string): number {
    return this.#accounts.usedBytes(user);
  }

  /** Ends the streams that the user may not have any more. */
  userChanged(name: string, rulesChanged: boolean): void {
    this.#rates.userChanged(name);
    this.#endForbidden(name, rulesChanged);
  }

  userRemoved(name: string): void {
    const error = new DepotError('not-allowed', `user ${name} was removed`);
    for (const { id } of this.#streamsOf(name)) this.#options.streams().end(id, error);
    this.#accounts.forget(name);
    this.#rates.userChanged(name);
  }

  close(): void {
    this.#accounts.close();
  }

  #decide(
    asked: Pick<Request, 'command' | 'destination' | 'user' | 'from'>,
    streams: (user: string) => number,
  ): Decision {
    const { store, registry, rules, groups } = this.#options;
    const known = store.localNames();
    return decide(asked, {
      user: (name) => this.#user(name),
      rules,
      routes: {
        all: () => [...known],
        known: (name) => known.has(name),
        connected: (name) => registry.get(name) !== undefined,
        group: (name) => groups.get(name),
        streams: (name) => registry.get(name)?.pool.streams ?? 0,
      },
      streams,
      usedBytes: (user) => this.#accounts.usedBytes(user),
      nowMs: Date.now(),
      clock: () => performance.now(),
    });
  }

  #user(name: string): DecidedUser | undefined {
    const user = this.#options.store.user(name);
    if (user === undefined) return undefined;
    const rules = this.#rules.get(user.limits) ?? user.limits.rules.map(parseOrderedRule);
    this.#rules.set(user.limits, rules);
    return { locals: user.locals, limits: user.limits, rules };
  }

  #streamsOf(name: string): StreamSnapshot[] {
    const all = this.#options.streams().snapshots();
    return all.filter(({ user }) => user !== undefined && splitUser(user).user === name);
  }

  /** Oldest first, so that of too many streams the newest end. */
  #endForbidden(name: string, rulesChanged: boolean): void {
    let kept = 0;
    for (const stream of this.#streamsOf(name)) {
      const decision = this.#decide({ ...stream, destination: stream.target }, () => kept);
      const error = this.#whyNotOn(name, stream) ?? whyEnded(decision, stream, rulesChanged);
      if (error === undefined) kept += 1;
      else this.#options.streams().end(stream.id, error);
    }
  }

  /** Whether a stream runs through a local that its user may not use at all. */
  #whyNotOn(name: string, { local }: StreamSnapshot): DepotError | undefined {
    const { store, groups } = this.#options;
    const own = store.user(name)?.locals.flatMap((one) => groups.get(one)?.locals ?? [one]) ?? [];
    if (local === undefined || own.length === 0 || own.includes(local)) return undefined;
    return new DepotError('not-allowed', `user ${name} may not use local ${local} any more`);
  }

  #endWhatIsOver(users: readonly string[]): void {
    for (const name of users) {
      const limits = this.#options.store.user(name)?.limits;
      if (limits !== undefined && (limits.monthlyBytes !== null || limits.validUntil !== null))
        this.#endForbidden(name, false);
    }
  }
}

const whyEnded = (
  { allowed, code, reason, candidates }: Decision,
  { user, local, target }: StreamSnapshot,
  rulesChanged: boolean,
): DepotError | undefined => {
  if (!allowed) return code !== undefined && FORBIDDEN.has(code) ? new DepotError(code, reason) : undefined;
  if (local === undefined) return undefined;
  const candidate = candidates.find((one) => one.local === local);
  if (candidate === undefined)
    return new DepotError('not-allowed', `the rules of ${user} do not allow ${target.host} at local ${local} any more`);
  if (!rulesChanged || candidate.addressRules.length === 0) return undefined;
  return new DepotError(
    'not-allowed',
    `the rules of ${user} were changed, and the address of ${target.host} has to be looked at anew`,
  );
};
