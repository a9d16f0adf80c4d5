// What of an operator's rules a browser can follow: which hosts besides *.depot go through depot. Pure.

import { DepotError } from '../errors.ts';
import { isLoopback } from '../rules/network.ts';
import type { OrderedRule } from '../rules/ordered.ts';
import { parseRule, type Rule } from '../rules/rule.ts';
import { canonicalHost } from '../socks/address.ts';

/** One rule as the PAC file carries it; the first that matches decides. */
export interface PacRule {
  readonly allow: boolean;
  /** A name with stars, in canonical form, or an address with the length of its network. */
  readonly host: string | readonly [address: string, prefix: number];
  readonly ports: Rule['ports'];
}

/** What `*.depot` covers already goes here in any case. */
const isDepot = (name: string): boolean => name.endsWith('.depot');

/** Undefined where a browser has nothing to gain from it: what means everything, this machine, or a `.depot` name. */
export const pacRuleOf = ({ allow, rule: { host, ports } }: OrderedRule): PacRule | undefined => {
  switch (host.kind) {
    case 'loopback':
      return undefined;
    case 'any':
      // Who may reach everything does not want every page of the web to go through a private network.
      return allow ? undefined : { allow, host: '*', ports };
    case 'network': {
      const { address, prefix } = host.network;
      if (isLoopback(address) || (allow && prefix === 0)) return undefined;
      return { allow, host: [canonicalHost(address), prefix], ports };
    }
    case 'name': {
      const isEverything = /^[*.]*$/.test(host.pattern);
      return isDepot(host.pattern) || (allow && isEverything) ? undefined : { allow, host: host.pattern, ports };
    }
  }
};

/** The rules in the same order, without those that a browser does not need; none where none allows anything. */
export const forBrowsers = (rules: readonly OrderedRule[]): readonly OrderedRule[] => {
  const usable = rules.filter((rule) => pacRuleOf(rule) !== undefined);
  return usable.slice(0, usable.findLastIndex(({ allow }) => allow) + 1);
};

/** Hosts that an operator names for every browser, `HOST[:PORTS]`. Throws `invalid-config`. */
export const parsePacHosts = (texts: readonly string[]): readonly OrderedRule[] =>
  texts.map((text) => {
    const rule = { text: `allow ${text}`, allow: true, rule: parseRule(text) };
    if (pacRuleOf(rule) !== undefined) return rule;
    throw new DepotError(
      'invalid-config',
      `pacHosts: "${text}" is everything, a loopback, or goes through depot anyway. Name hosts, such as '*.lan' or 192.168.1.0/24.`,
    );
  });
