// All checks, in the order of a connection's life.

import { BIND_CHECKS } from './checks/bind.ts';
import { HANDSHAKE_CHECKS } from './checks/handshake.ts';
import { REQUEST_CHECKS } from './checks/request.ts';
import { RESOLVE_CHECKS } from './checks/resolve.ts';
import { STREAM_CHECKS } from './checks/stream.ts';
import { UDP_CHECKS } from './checks/udp.ts';
import { type Check, judge, type Outcome, type Subject } from './trial.ts';

export const CHECKS: readonly Check[] = [
  ...HANDSHAKE_CHECKS,
  ...REQUEST_CHECKS,
  ...STREAM_CHECKS,
  ...UDP_CHECKS,
  ...BIND_CHECKS,
  ...RESOLVE_CHECKS,
];

const SIDE_BY_SIDE = 6;

/** Those whose name contains one of `parts`; all where there are none. */
export const select = (parts: readonly string[]): readonly Check[] =>
  parts.length === 0 ? CHECKS : CHECKS.filter(({ name }) => parts.some((part) => name.includes(part)));

/** Judges one server by all of `checks`: some side by side, those that guess passwords last and one by one. */
export const judgeAll = async (checks: readonly Check[], subject: Subject): Promise<readonly Outcome[]> => {
  const outcomes = new Map<Check, Outcome>();
  const drain = async (queue: Check[]): Promise<void> => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
      outcomes.set(check, await judge(check, subject));
    }
  };
  // Who may take longest begins first.
  const harmless = checks.filter(({ guesses }) => !guesses).toSorted((a, b) => (b.limitMs ?? 0) - (a.limitMs ?? 0));
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => drain(harmless)));
  await drain(checks.filter(({ guesses }) => guesses));
  return checks.flatMap((check) => outcomes.get(check) ?? []);
};
