// Who may do what, put together: the rules, what users run and use, their rates. Decides about requests as they come,
// and again about streams that run, when a user was changed, is over its limit, or is not valid any more.

import { isDeepStrictEqual } from 'node:util';
import type { ServerConfig } from '../config/schema.ts';
import { forBrowsers } from '../entry/pac-rules.ts';
import { DepotError, type ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Request } from '../net/connector.ts';
import type { Streams, StreamSnapshot } from '../net/streams.ts';
import type { UserLimits } from '../rules/limits.ts';
import { type OrderedRule, parseOrderedRule } from '../rules/ordered.ts';
import type { Store } from '../store/store.ts';
import { Accounts } from './accounts.ts';
import { type Candidate, type Decision, decide, type DecidedUser, HAS_TO_SAY } from './decide.ts';
import { Rates } from './rates.ts';
import type { Registry } from './registry.ts';
import type { Policy } from './policy.ts';
import { splitUser } from './router.ts';

type Asked = Pick<Request, 'command' | 'destination' | 'user' | 'from' | 'anonymous'>;

export interface GateOptions {
  readonly store: Store;
  readonly registry: Registry;
  readonly log: Log;
  readonly streams: () => Streams;
  readonly policy: Policy;
  readonly config: Pick<ServerConfig, 'allowAnonymous'>;
}

/** What ends a stream that runs already. That its local is away, or that there are more locals now, does not. */
const FORBIDDEN: ReadonlySet<ErrorCode> = new Set(['not-allowed', 'quota-exceeded', 'too-many-streams']);

export class Gate {
  readonly #options: GateOptions;
  readonly #accounts: Accounts;
  readonly #rates: Rates;
  #policy: Policy;
  /** The rules of users, read once. */
  readonly #rules = new WeakMap<UserLimits, readonly OrderedRule[]>();

  constructor(options: GateOptions) {
    const { store, log, streams } = options;
    this.#options = options;
    this.#policy = options.policy;
    this.#accounts = new Accounts({
      store,
      log,
      streams: () => streams().snapshots(),
      onCounted: (users) => this.#endWhatIsOver(users),
    });
    this.#rates = new Rates({
      user: (name) => store.user(name)?.limits.rateBytes ?? null,
      local: (name) => this.#policy.rates.local(name),
      stream: () => this.#policy.rates.stream,
    });
  }

  /** What would become of a request that does not run yet. */
  decide(asked: Asked): Decision {
    return this.#decide(asked, (user) => this.#accounts.running(user));
  }

  /** The same for one that is counted among the streams of its user already. */
  decideStarted(request: Request): Decision {
    return this.#decide(request, (user) => this.#accounts.running(user) - 1);
  }

  /** What streams and datagrams are held to. */
  get rates(): Rates {
    return this.#rates;
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

  /** Names that stand for several locals. */
  get groups(): Policy['groups'] {
    return this.#policy.groups;
  }

  /** What a browser of this user, or of anybody, is told to send here besides `*.depot`. */
  pacRules(asked: string | undefined): readonly OrderedRule[] {
    const { rules, pacHosts } = this.#policy;
    const { store, config } = this.#options;
    const { user: name, local } = splitUser(asked ?? '');
    const user = asked === undefined ? undefined : this.#user(name);
    if (user === undefined) return forBrowsers([...pacHosts, ...(config.allowAnonymous ? rules : [])]);
    // A host that is no `.depot` name has to lead to some local.
    const isRouted = local !== undefined || user.locals.length > 0 || store.localNames().size === 1;
    return forBrowsers([...pacHosts, ...(isRouted ? [...user.rules, ...rules] : [])]);
  }

  /** Puts other rules, groups and rates in force, and ends the streams that are not allowed any more. Returns how many. */
  use(policy: Policy): number {
    const before = this.#policy;
    this.#policy = policy;
    this.#rates.localsChanged();
    let ended = this.#endAnonymous();
    for (const [user, streams] of Map.groupBy(this.#options.streams().snapshots(), userOf))
      ended += this.#endForbidden(user, streams, (asked, { local, addressRules }) => {
        const earlier = this.#decide(asked, () => 0, before).candidates.find((one) => one.local === local);
        return !isDeepStrictEqual(earlier?.addressRules, addressRules);
      });
    return ended;
  }

  /** Ends the streams that the user may not have any more. */
  userChanged(name: string, rulesChanged: boolean): void {
    this.#rates.userChanged(name);
    this.#endForbidden(name, this.#streamsOf(name), () => rulesChanged);
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

  #decide(asked: Asked, streams: (user: string) => number, { rules, groups } = this.#policy): Decision {
    const { store, registry, config } = this.#options;
    const known = store.localNames();
    return decide(asked, {
      user: (name) => this.#user(name),
      anonymous: config.allowAnonymous,
      rules,
      routes: {
        all: () => [...known],
        known: (name) => known.has(name),
        connected: (name) => registry.get(name)?.isDraining === false,
        draining: (name) => registry.get(name)?.isDraining === true,
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

  #streamsOf(name: string | undefined): StreamSnapshot[] {
    const all = this.#options.streams().snapshots();
    return all.filter((stream) => userOf(stream) === name);
  }

  /** Those whose client was not asked who it is, where it would be now. */
  #endAnonymous(): number {
    const { streams, config } = this.#options;
    if (config.allowAnonymous) return 0;
    return streams().endWhere(({ anonymous = false }) => anonymous, new DepotError('not-allowed', HAS_TO_SAY));
  }

  /** Oldest first, so that of too many streams the newest end. Returns how many did. */
  #endForbidden(
    name: string | undefined,
    streams: readonly StreamSnapshot[],
    hasNewAddressRules: HasNewAddressRules,
  ): number {
    let kept = 0;
    let ended = 0;
    for (const stream of streams) {
      const asked = { ...stream, destination: stream.target };
      const decision = this.#decide(asked, () => kept);
      const error =
        this.#whyNotOn(name, stream) ?? whyEnded(decision, stream, (candidate) => hasNewAddressRules(asked, candidate));
      if (error === undefined) kept += 1;
      else if (this.#options.streams().end(stream.id, error)) ended += 1;
    }
    return ended;
  }

  /** Whether a stream runs through a local that its user may not use at all. */
  #whyNotOn(name: string | undefined, { local }: StreamSnapshot): DepotError | undefined {
    if (name === undefined) return undefined;
    const { groups } = this.#policy;
    const own = this.#options.store.user(name)?.locals.flatMap((one) => groups.get(one)?.locals ?? [one]) ?? [];
    if (local === undefined || own.length === 0 || own.includes(local)) return undefined;
    return new DepotError('not-allowed', `user ${name} may not use local ${local} any more`);
  }

  #endWhatIsOver(users: readonly string[]): void {
    for (const name of users) {
      const limits = this.#options.store.user(name)?.limits;
      if (limits !== undefined && (limits.monthlyBytes !== null || limits.validUntil !== null))
        this.#endForbidden(name, this.#streamsOf(name), () => false);
    }
  }
}

/** Without the route that a client may put behind its name. */
const userOf = ({ user }: StreamSnapshot): string | undefined => user && splitUser(user).user;

/** Whether what a name leads to has to be looked at anew, for a stream that runs at this local. */
type HasNewAddressRules = (asked: Asked, candidate: Candidate) => boolean;

const whyEnded = (
  { allowed, code, reason, candidates }: Decision,
  { user = 'everybody', local, target }: StreamSnapshot,
  hasNewAddressRules: (candidate: Candidate) => boolean,
): DepotError | undefined => {
  if (!allowed) return code !== undefined && FORBIDDEN.has(code) ? new DepotError(code, reason) : undefined;
  if (local === undefined) return undefined;
  const candidate = candidates.find((one) => one.local === local);
  if (candidate === undefined)
    return new DepotError('not-allowed', `the rules of ${user} do not allow ${target.host} at local ${local} any more`);
  if (candidate.addressRules.length === 0 || !hasNewAddressRules(candidate)) return undefined;
  return new DepotError(
    'not-allowed',
    `the rules of ${user} were changed, and the address of ${target.host} has to be looked at anew`,
  );
};
