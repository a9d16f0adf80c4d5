// What local may dial: the last word of the private side, whatever the server says.
// Rules are checked on the address that is really dialed, so no name can lead around them. No sockets here.

import { isLoopback, LOOPBACK, type Network, network } from '../rules/network.ts';
import { coversPort, parseRule, type Rule, type Verdict } from '../rules/rule.ts';
import { canonicalHost, formatAddress, isIP } from '../socks/address.ts';

/** Where a wide rule must not lead by accident: a rule has to spell out a network inside one of these. */
const EXPLICIT_ONLY: readonly (readonly [string, string])[] = [
  ['169.254.0.0/16', 'link-local'],
  ['fe80::/10', 'link-local'],
  ['224.0.0.0/4', 'multicast'],
  ['ff00::/8', 'multicast'],
  ['0.0.0.0/8', 'unspecified'],
  ['::/128', 'unspecified'],
  ['255.255.255.255/32', 'broadcast'],
  ['fd00:ec2::254/128', 'metadata'],
  ['100.100.100.200/32', 'metadata'],
  ['168.63.129.16/32', 'metadata'],
  ['192.0.0.192/32', 'metadata'],
];

const explicitOnly = EXPLICIT_ONLY.map(([text, kind]) => ({ ...network(text), kind }));

/** The network that the rule spells out, if it does. */
const networkOf = ({ host }: Rule): Network | undefined =>
  host.kind === 'network' ? host.network : host.kind === 'loopback' ? LOOPBACK[0] : undefined;

const spellsOut = (rule: Rule, range: Network): boolean => {
  const spelled = networkOf(rule);
  return spelled !== undefined && spelled.prefix >= range.prefix && range.contains(spelled.address);
};

const covers = ({ host }: Rule, name: string, address: string): boolean => {
  switch (host.kind) {
    case 'any':
      return true;
    case 'loopback':
      return isLoopback(address);
    case 'network':
      return host.network.contains(address);
    case 'name':
      // Whoever answers for a name could point it at our own loopback; only a rule for the loopback leads there.
      return host.matches(name) && !isLoopback(address);
  }
};

/** Before a rule that says who may connect to this local, when a client waits for that. */
const BIND = 'bind:';

export class Rules {
  #rules: readonly Rule[];
  #bindRules: readonly Rule[];
  #version = 0;

  /**
   * Without a rule that names the loopback, local's loopback is allowed, on every port; with one, only what it says.
   * Throws `invalid-config` on a rule that cannot be read.
   */
  constructor(texts: readonly string[]) {
    const rules = texts.filter((text) => !text.startsWith(BIND)).map(parseRule);
    this.#bindRules = texts
      .filter((text) => text.startsWith(BIND))
      .map((text) => ({ ...parseRule(text.slice(BIND.length)), text }));
    const namesLoopback = rules.some((rule) => LOOPBACK.some((range) => spellsOut(rule, range)));
    const ownLoopback = { ...parseRule('localhost'), text: 'loopback (the default)' };
    this.#rules = namesLoopback ? rules : [...rules, ownLoopback];
  }

  /** Puts others in force, for everybody who holds these. */
  replaceBy(next: Rules): void {
    this.#rules = next.#rules;
    this.#bindRules = next.#bindRules;
    this.#version += 1;
  }

  /** Another number whenever others were put in force: for how long a verdict is good. */
  get version(): number {
    return this.#version;
  }

  /** The rules in force, as text. */
  get texts(): readonly string[] {
    return [...this.#rules, ...this.#bindRules].map(({ text }) => text);
  }

  /** May the address that `name` was `resolved` to (or is) be dialed on `port`; on any port at all where it is undefined? */
  check(name: string, resolved: string, port: number | undefined): Verdict {
    const address = canonicalHost(resolved);
    const target = port === undefined ? address : formatAddress({ host: address, port });
    if (!isIP(address)) return { allowed: false, reason: `${address} is no address` };
    const rule = find(this.#rules, name, address, port);
    if (rule !== undefined) return { allowed: true, reason: `${target} is allowed by ${rule.text}` };
    return {
      allowed: false,
      reason: `${target} matches no rule (in force: ${this.texts.join(' ')})${hintFor(address)}`,
    };
  }

  /**
   * May the address that `name` was `resolved` to (or is) connect to this local; and on which ports may it be awaited?
   * Everybody is 0.0.0.0 or ::, and has to be spelled out. Nobody may by default.
   */
  checkBind(name: string, resolved: string): Verdict & Pick<Rule, 'ports'> {
    const address = canonicalHost(resolved);
    const rule = isIP(address) ? find(this.#bindRules, name, address, undefined) : undefined;
    if (rule !== undefined)
      return { allowed: true, reason: `${address} is allowed by ${rule.text}`, ports: rule.ports };
    const reason = `no rule lets ${address} connect (it would be ${BIND}${address})${hintFor(address)}`;
    return { allowed: false, reason, ports: [] };
  }
}

const specialOf = (address: string): (typeof explicitOnly)[number] | undefined =>
  explicitOnly.find(({ contains }) => contains(address));

const find = (rules: readonly Rule[], name: string, address: string, port: number | undefined): Rule | undefined => {
  const special = specialOf(address);
  return rules.find(
    (rule) =>
      covers(rule, canonicalHost(name), address) &&
      coversPort(rule, port) &&
      (special === undefined || spellsOut(rule, special)),
  );
};

const hintFor = (address: string): string => {
  const special = specialOf(address);
  return special === undefined ? '' : `; ${special.kind} addresses need a rule that names them`;
};
