// Whether a request may go on, and where to: every reason that the server knows, in one function. Pure: it is handed
// what it needs to know. The connector acts on it, `depot check` and the dashboard show it.

import { DepotError, type ErrorCode, messageOf } from '../errors.ts';
import type { AddressRule } from '../link/messages.ts';
import type { Request } from '../net/connector.ts';
import type { UserLimits } from '../rules/limits.ts';
import { parseNetwork } from '../rules/network.ts';
import { type OrderedRule, weigh } from '../rules/ordered.ts';
import type { Verdict } from '../rules/rule.ts';
import type { Address } from '../socks/address.ts';
import { type Route, route, type RouteKnowledge, splitUser } from './router.ts';

/** A user, as far as it matters here. */
export interface DecidedUser {
  readonly locals: readonly string[];
  readonly limits: UserLimits;
  /** Those of `limits`, read. */
  readonly rules: readonly OrderedRule[];
}

export interface Knowledge {
  readonly user: (name: string) => DecidedUser | undefined;
  /** Whether clients need not say who they are. */
  readonly anonymous: boolean;
  /** The rules for everybody, after a user's own. */
  readonly rules: readonly OrderedRule[];
  readonly routes: RouteKnowledge;
  /** Streams of a user that run besides this one. */
  readonly streams: (user: string) => number;
  /** Bytes that a user has used this month. */
  readonly usedBytes: (user: string) => number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** A clock in milliseconds that only goes forward, for how long each step took. */
  readonly clock: () => number;
}

/** What is asked, in this order; the first refusal ends it. */
export type DecisionStep = 'user' | 'valid-until' | 'from' | 'month' | 'streams' | 'route' | 'rules';

interface DecidedStep extends Verdict {
  readonly step: DecisionStep;
  /** How long it took. */
  readonly ms: number;
}

/** One local that the request may go to. */
export interface Candidate {
  readonly local: string;
  /** Which rule lets it, or that there is none. */
  readonly reason: string;
  /** For local to apply to what the name is resolved to; empty where nothing is left open. */
  readonly addressRules: readonly AddressRule[];
}

export interface Decision extends Verdict {
  /** Why it is refused, for programs. */
  readonly code: ErrorCode | undefined;
  readonly steps: readonly DecidedStep[];
  /** Where it may go, best first; empty where it is refused. */
  readonly candidates: readonly Candidate[];
  /** What it is called there. */
  readonly destination: Address;
  /** The user without the route that its name may carry. */
  readonly user: string | undefined;
}

type Asked = Pick<Request, 'command' | 'destination' | 'user' | 'from' | 'anonymous'>;

/** Why a request or a stream ends whose client was let in while nobody was asked. */
export const HAS_TO_SAY = 'clients have to say who they are';

const refuse = (code: ErrorCode, reason: string): never => {
  throw new DepotError(code, reason);
};

const day = (time: number): string =>
  new Date(time)
    .toISOString()
    .replace(/:\d\d\.\d+Z$/, ' UTC')
    .replace('T', ' ');

/** Each answers with why all is well, or throws why not. */
const checksOf = (
  name: string,
  { limits }: DecidedUser,
  from: string,
  { nowMs, usedBytes, streams }: Knowledge,
): readonly (readonly [DecisionStep, () => string])[] => [
  [
    'valid-until',
    () => {
      const { validUntil } = limits;
      if (validUntil === null) return `user ${name} is valid for good`;
      if (nowMs < validUntil) return `user ${name} is valid until ${day(validUntil)}`;
      return refuse('not-allowed', `user ${name} was valid until ${day(validUntil)}`);
    },
  ],
  [
    'from',
    () => {
      if (limits.from.length === 0) return `user ${name} may come from everywhere`;
      const place = limits.from.find((text) => parseNetwork(text)?.contains(from) === true);
      if (place !== undefined) return `user ${name} may come from ${place}`;
      return refuse('not-allowed', `user ${name} may not come from ${from}, only from ${limits.from.join(', ')}`);
    },
  ],
  [
    'month',
    () => {
      const { monthlyBytes } = limits;
      if (monthlyBytes === null) return `user ${name} has no limit of bytes per month`;
      const used = usedBytes(name);
      if (used < monthlyBytes) return `user ${name} has used ${used} of ${monthlyBytes} bytes this month`;
      return refuse('quota-exceeded', `user ${name} has used its ${monthlyBytes} bytes of this month`);
    },
  ],
  [
    'streams',
    () => {
      const { maxStreams } = limits;
      if (maxStreams === null) return `user ${name} has no limit of streams`;
      const running = streams(name);
      if (running < maxStreams) return `user ${name} has ${running} of at most ${maxStreams} streams`;
      return refuse('too-many-streams', `user ${name} has ${running} streams, and may have ${maxStreams} at once`);
    },
  ],
];

const candidatesOf = (
  { command }: Asked,
  { locals, group, destination }: Route,
  rules: readonly OrderedRule[],
): { readonly reason: string; readonly candidates: readonly Candidate[] } => {
  if (rules.length === 0) {
    const reason = 'there are no rules';
    return { reason, candidates: locals.map((local) => ({ local, reason, addressRules: [] })) };
  }
  if (command === 'associate') {
    const reason = 'the rules decide about each datagram';
    return { reason, candidates: locals.map((local) => ({ local, reason, addressRules: [] })) };
  }
  if (command === 'bind')
    refuse('not-allowed', `there are rules about targets, and ${command} does not say where it goes`);
  const port = command === 'connect' ? destination.port : undefined;
  const weighed = locals.map((local) => ({
    local,
    ...weigh(rules, {
      host: destination.host,
      port,
      locals: [`${local}.depot`, ...(group === undefined ? [] : [`${group}.depot`])],
    }),
  }));
  const candidates = weighed.filter(({ allowed }) => allowed);
  const { reason } = candidates[0] ?? weighed[0] ?? { reason: 'no local is left' };
  return candidates.length > 0 ? { reason, candidates } : refuse('not-allowed', reason);
};

export const decide = (asked: Asked, knowledge: Knowledge): Decision => {
  const names = asked.user === undefined ? undefined : splitUser(asked.user);
  const steps: DecidedStep[] = [];
  let step: DecisionStep = 'user';
  let startedMs = knowledge.clock();
  const record = (allowed: boolean, reason: string): void => {
    const nowMs = knowledge.clock();
    steps.push({ step, allowed, reason, ms: nowMs - startedMs });
    startedMs = nowMs;
  };
  const passed = (reason: string): void => record(true, reason);
  let found: Route | undefined;
  try {
    const user = names && knowledge.user(names.user);
    if (asked.anonymous === true && !knowledge.anonymous) return refuse('not-allowed', HAS_TO_SAY);
    if (names !== undefined) {
      if (user === undefined) return refuse('not-allowed', `there is no user ${names.user} any more`);
      passed(`there is a user ${names.user}`);
      for (const [name, check] of checksOf(names.user, user, asked.from, knowledge)) {
        step = name;
        passed(check());
      }
    }
    step = 'route';
    found = route(asked.destination, names?.local, user?.locals ?? [], knowledge.routes);
    passed(`goes to local ${found.locals.join(', else ')}`);
    step = 'rules';
    const { reason, candidates } = candidatesOf(asked, found, [...(user?.rules ?? []), ...knowledge.rules]);
    passed(reason);
    const { destination } = found;
    return { allowed: true, reason, code: undefined, steps, candidates, destination, user: names?.user };
  } catch (error) {
    if (!(error instanceof DepotError)) throw error;
    const reason = messageOf(error);
    record(false, reason);
    const { destination } = found ?? asked;
    return { allowed: false, reason, code: error.code, steps, candidates: [], destination, user: names?.user };
  }
};
