// What the PAC file of a client says besides `*.depot`: the hosts that its owner named, and those that the server says
// its user may reach. The laptop has the last word: a server that means harm must not draw what is for the internet to
// itself, so of hosts that are there only those count that the owner named.

import { forBrowsers, parsePacHosts } from '../entry/pac-rules.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { network, type Network } from '../rules/network.ts';
import { type OrderedRule, parseOrderedRule } from '../rules/ordered.ts';

/** Addresses that lead nowhere on the internet (RFC 1918, 3927, 4193, 4291, 6598). */
const PRIVATE: readonly Network[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
].map(network);

/** A name without a dot, or under a top-level domain that the internet does not have (RFC 2606, 6762, 8375, and ICANN). */
const PRIVATE_NAME =
  /^[\w-]+$|\.(?:corp|example|home|home\.arpa|internal|intranet|lan|local|localdomain|private|test)$/;

const staysPrivate = ({ allow, rule: { host } }: OrderedRule): boolean => {
  if (!allow) return true;
  if (host.kind === 'name') return PRIVATE_NAME.test(host.pattern);
  if (host.kind !== 'network') return false;
  const { address, prefix } = host.network;
  return PRIVATE.some((range) => range.prefix <= prefix && range.contains(address));
};

export class PacRules {
  readonly #log: Log;
  #heard: readonly OrderedRule[] = [];
  /** Hosts that the owner of this machine named. */
  own: readonly OrderedRule[];

  /** Throws `invalid-config`. */
  constructor(hosts: readonly string[], log: Log) {
    this.#log = log;
    this.own = parsePacHosts(hosts);
  }

  get all(): readonly OrderedRule[] {
    return forBrowsers([...this.own, ...this.#heard]);
  }

  /** What the server says. A rule that cannot be read ends them: what comes after it may be meant otherwise. */
  hear(texts: readonly string[]): void {
    const rules: OrderedRule[] = [];
    try {
      for (const text of texts) rules.push(parseOrderedRule(text));
    } catch (error) {
      this.#log.warn({ event: 'pac-rules' }, `the PAC file is without rules of a newer server: ${messageOf(error)}`);
    }
    this.#heard = rules.filter(staysPrivate);
    const others = rules.filter((rule) => !staysPrivate(rule)).map(({ text }) => text);
    if (others.length > 0)
      this.#log.info(
        { event: 'pac-rules', rules: others },
        `the PAC file does not send hosts of the internet through depot because the server says so (${others.join(', ')}); name them in pacHosts where that is wanted`,
      );
  }
}
