// What local may dial: the last word of the private side, whatever the server says.
// Rules are checked on the address that is really dialed, so no name can lead around them. No sockets here.

import net from 'node:net';
import { DepotError } from '../errors.ts';
import { canonicalHost, formatAddress, isIP, isIPv4 } from '../socks/address.ts';

/** One allow rule: `HOST[:PORTS]`, HOST an address, a CIDR, a name pattern with `*`, or `*`. */
interface Rule {
  /** As the operator wrote it. */
  readonly text: string;
  matches(name: string, address: string): boolean;
  readonly ports: readonly (readonly [number, number])[];
  /** The network that the rule spells out, if it does. */
  readonly network: Network | undefined;
}

interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly contains: (address: string) => boolean;
}

/** What came of a check. */
export interface Verdict {
  readonly allowed: boolean;
  /** Which rule decided, or why none did, in plain words. */
  readonly reason: string;
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

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

const invalid = (text: string, why: string): DepotError =>
  new DepotError(
    'invalid-config',
    `Rule "${text}": ${why}. A rule is HOST[:PORTS], for example 192.168.1.0/24:22,80 or '*.lan' or [fd00::/8]:8000-8100.`,
  );

const parseNetwork = (text: string): Network | undefined => {
  const [address = '', length, ...rest] = text.split('/');
  if (!isIP(address) || rest.length > 0) return undefined;
  // IPv4 that hides in IPv6 is dialed as IPv4, so such a rule would never match.
  if (isIPv4(canonicalHost(address)) && !isIPv4(address)) return undefined;
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  const bits = family === 'ipv4' ? 32 : 128;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (!(prefix <= bits)) return undefined;
  const list = new net.BlockList();
  list.addSubnet(address, prefix, family);
  const contains = (candidate: string): boolean =>
    isIPv4(candidate) === (family === 'ipv4') && list.check(candidate, family);
  return { address, prefix, contains };
};

const network = (text: string): Network => {
  const parsed = parseNetwork(text);
  if (parsed === undefined) throw new Error(`${text} is no network`);
  return parsed;
};

const loopback = LOOPBACK.map(network);
const isLoopback = (address: string): boolean => loopback.some(({ contains }) => contains(address));
const explicitOnly = EXPLICIT_ONLY.map(([text, kind]) => ({ ...network(text), kind }));

const parsePorts = (rule: string, text: string | undefined): readonly (readonly [number, number])[] => {
  if (text === undefined) return [[0, 65535]];
  return text.split(',').map((part) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (match === null || from > to || to > 65535) throw invalid(rule, `"${part}" is no port and no range of ports`);
    return [from, to];
  });
};

/** `[HOST]:PORTS`, `HOST:PORTS`, or an IPv6 HOST that has colons of its own and no ports. */
const splitRule = (text: string): readonly [host: string, ports: string | undefined] => {
  const bracketed = /^\[([^\]]+)\](?::(.+))?$/.exec(text);
  if (bracketed !== null) return [bracketed[1] ?? '', bracketed[2]];
  const parts = text.split(':');
  return parts.length === 2 ? [parts[0] ?? '', parts[1]] : [text, undefined];
};

const parseRule = (text: string): Rule => {
  const [host, portText] = splitRule(text.trim());
  const ports = parsePorts(text, portText);
  if (host === '*') return { text, ports, network: undefined, matches: () => true };
  if (host.toLowerCase() === 'localhost') {
    return { text, ports, network: loopback[0], matches: (_name, address) => isLoopback(address) };
  }
  const range = parseNetwork(host);
  if (range !== undefined) return { text, ports, network: range, matches: (_name, address) => range.contains(address) };
  if (!/^[\w*-]+(?:\.[\w*-]+)*\.?$/.test(host) || /^[\d.]+$/.test(host))
    throw invalid(text, `"${host}" is no address, no CIDR and no name pattern`);
  const pattern = new RegExp(`^${canonicalHost(host).replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
  // Whoever answers for a name could point it at our own loopback; only a rule for the loopback leads there.
  return { text, ports, network: undefined, matches: (name, address) => pattern.test(name) && !isLoopback(address) };
};

const spellsOut = (rule: Rule, range: Network): boolean =>
  rule.network !== undefined && rule.network.prefix >= range.prefix && range.contains(rule.network.address);

export class Rules {
  readonly #rules: readonly Rule[];

  /**
   * Without a rule that names the loopback, local's loopback is allowed, on every port; with one, only what it says.
   * Throws `invalid-config` on a rule that cannot be read.
   */
  constructor(texts: readonly string[]) {
    const rules = texts.map(parseRule);
    const namesLoopback = rules.some((rule) => loopback.some((range) => spellsOut(rule, range)));
    const ownLoopback = { ...parseRule('localhost'), text: 'loopback (the default)' };
    this.#rules = namesLoopback ? rules : [...rules, ownLoopback];
  }

  /** The rules in force, as text. */
  get texts(): readonly string[] {
    return this.#rules.map(({ text }) => text);
  }

  /** May the address that `name` was `resolved` to (or is) be dialed on `port`; on any port at all where it is undefined? */
  check(name: string, resolved: string, port: number | undefined): Verdict {
    const address = canonicalHost(resolved);
    const target = port === undefined ? address : formatAddress({ host: address, port });
    if (!isIP(address)) return { allowed: false, reason: `${address} is no address` };
    const special = explicitOnly.find(({ contains }) => contains(address));
    const rule = this.#rules.find(
      (candidate) =>
        candidate.matches(canonicalHost(name), address) &&
        (port === undefined || candidate.ports.some(([from, to]) => port >= from && port <= to)) &&
        (special === undefined || spellsOut(candidate, special)),
    );
    if (rule !== undefined) return { allowed: true, reason: `${target} is allowed by ${rule.text}` };
    const hint = special === undefined ? '' : `; ${special.kind} addresses need a rule that names them`;
    return { allowed: false, reason: `${target} matches no rule (in force: ${this.texts.join(' ')})${hint}` };
  }
}
