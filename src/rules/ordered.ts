// An ordered list of `allow RULE` and `deny RULE`, of which the first that matches decides: the rules of the server.
// The server weighs them before a name is resolved. What only the address can decide is left over as address rules,
// for local to apply to what the name really leads to. Pure.

import { DepotError } from '../errors.ts';
import type { AddressRule } from '../link/messages.ts';
import { formatAddress, isIP } from '../socks/address.ts';
import { isLoopback, parseNetwork } from './network.ts';
import { coversEveryPort, coversPort, parseRule, type Rule, type Verdict } from './rule.ts';

export interface OrderedRule {
  /** As the operator wrote it, `allow …` or `deny …`. */
  readonly text: string;
  readonly allow: boolean;
  readonly rule: Rule;
}

/** What a request is for, as far as it is known before a name is resolved. */
export interface RuleTarget {
  /** The host as local will see it, in canonical form. */
  readonly host: string;
  /** Undefined where the request is about the host alone: a rule that allows some port counts then, one that denies some does not. */
  readonly port: number | undefined;
  /** What the local that it goes to is called: `NAME.depot`; several where it is asked for as one of a group. */
  readonly locals: readonly string[];
}

/** Where nothing but the address can decide, the verdict is "allowed" and this is what the address has to meet. */
export interface Weighed extends Verdict {
  readonly addressRules: readonly AddressRule[];
}

/** Throws `invalid-config` on a rule that cannot be read. */
export const parseOrderedRule = (text: string): OrderedRule => {
  const match = /^\s*(allow|deny)\s+(\S.*?)\s*$/.exec(text);
  if (match === null)
    throw new DepotError('invalid-config', `Rule "${text}": it has to begin with "allow " or "deny ".`);
  const [, effect, rest = ''] = match;
  return { text: `${effect} ${rest}`, allow: effect === 'allow', rule: parseRule(rest) };
};

/** An IP address, or the name that every local takes for its own loopback. */
const addressOf = (host: string): string | undefined =>
  host === 'localhost' ? '127.0.0.1' : isIP(host) ? host : undefined;

/** Which addresses of the target a rule is about; undefined for none. */
const reach = (
  { allow, rule }: OrderedRule,
  { host, port, locals }: RuleTarget,
): AddressRule['addresses'] | undefined => {
  if (port === undefined ? !allow && !coversEveryPort(rule) : !coversPort(rule, port)) return undefined;
  const address = addressOf(host);
  const known = (covered: boolean): '*' | undefined => (covered ? '*' : undefined);
  switch (rule.host.kind) {
    case 'any':
      return '*';
    case 'loopback':
      return address === undefined ? 'loopback' : known(isLoopback(address));
    case 'network': {
      const { address: start, prefix, contains } = rule.host.network;
      return address === undefined ? `${start}/${prefix}` : known(contains(address));
    }
    case 'name': {
      const { matches } = rule.host;
      const byName = matches(host) || locals.some((local) => matches(`${host}.${local}`));
      // `nas.depot` is the loopback of nas, whatever name leads there.
      const ownLoopback = locals.some(matches);
      // Its own loopback is `nas.depot` only; what `*.nas.depot` says is about everything else there.
      if (address !== undefined && isLoopback(address)) return known(matches(host) || ownLoopback);
      if (address !== undefined) return known(byName);
      if (!byName) return ownLoopback ? 'loopback' : undefined;
      // Whoever answers for a name could point it at local's loopback; permission by name does not lead there.
      return allow && !ownLoopback ? '!loopback' : '*';
    }
  }
};

/** What counts for addresses that no rule is about: allowed, unless there is a rule that allows something else. */
const fallback = (rules: readonly OrderedRule[]): AddressRule => ({
  allow: !rules.some(({ allow }) => allow),
  addresses: '*',
  rule: '',
});

const sentence = (target: string, { allow, rule }: AddressRule): string => {
  if (rule !== '') return `${target} is ${allow ? 'allowed' : 'refused'} by the rule "${rule}"`;
  return allow ? `${target} is allowed, no rule is about it` : `${target} is refused, no rule of the server allows it`;
};

/** The first rule that matches decides; where none does, the target is allowed unless some rule allows anything. */
export const weigh = (rules: readonly OrderedRule[], target: RuleTarget): Weighed => {
  const { host, port } = target;
  const text = port === undefined ? host : formatAddress({ host, port });
  const left: AddressRule[] = [];
  for (const rule of rules) {
    const addresses = reach(rule, target);
    if (addresses !== undefined) left.push({ allow: rule.allow, addresses, rule: rule.text });
    if (addresses === '*') break;
  }
  if (left.at(-1)?.addresses !== '*') left.push(fallback(rules));
  const last = left[left.length - 1] ?? fallback(rules);
  if (left.every(({ allow }) => allow === last.allow)) {
    return { allowed: last.allow, reason: sentence(text, last), addressRules: [] };
  }
  const named = left.map(({ rule, allow }) => (rule === '' ? `else ${allow ? 'allowed' : 'refused'}` : `"${rule}"`));
  return { allowed: true, reason: `the address of ${text} decides: ${named.join(', ')}`, addressRules: left };
};

const covers = ({ addresses }: AddressRule, address: string): boolean => {
  switch (addresses) {
    case '*':
      return true;
    case 'loopback':
      return isLoopback(address);
    case '!loopback':
      return !isLoopback(address);
    default:
      return parseNetwork(addresses)?.contains(address) ?? false;
  }
};

/** What the server's rules say of an address that a name was resolved to. Nothing that cannot be read allows anything. */
export const weighAddress = (rules: readonly AddressRule[], address: string): Verdict => {
  const unreadable = rules.find(({ addresses }) => !isReadable(addresses));
  if (unreadable !== undefined)
    return {
      allowed: false,
      reason: `${address} is refused, the server's rule for ${unreadable.addresses} cannot be read`,
    };
  const rule = rules.find((candidate) => covers(candidate, address));
  if (rule === undefined) return { allowed: false, reason: `${address} is refused, no rule of the server allows it` };
  return { allowed: rule.allow, reason: sentence(address, rule) };
};

const isReadable = (addresses: string): boolean =>
  ['*', 'loopback', '!loopback'].includes(addresses) || parseNetwork(addresses) !== undefined;
