// One rule about targets as an operator writes it, `HOST[:PORTS]`: the grammar that server and local share. Pure.
// Who may do what with it, and what counts where no rule matches, is decided elsewhere.

import { DepotError } from '../errors.ts';
import { canonicalHost } from '../socks/address.ts';
import { type Network, parseNetwork } from './network.ts';

/** What the HOST of a rule stands for. */
type HostPattern =
  | { readonly kind: 'any' }
  | { readonly kind: 'loopback' }
  | { readonly kind: 'network'; readonly network: Network }
  | { readonly kind: 'name'; readonly pattern: string; readonly matches: (name: string) => boolean };

export interface Rule {
  /** As the operator wrote it. */
  readonly text: string;
  readonly host: HostPattern;
  readonly ports: readonly (readonly [from: number, to: number])[];
}

/** What came of a check. */
export interface Verdict {
  readonly allowed: boolean;
  /** Which rule decided, or why none did, in plain words. */
  readonly reason: string;
}

const invalid = (text: string, why: string): DepotError =>
  new DepotError(
    'invalid-config',
    `Rule "${text}": ${why}. A rule is HOST[:PORTS], for example 192.168.1.0/24:22,80 or '*.lan' or [fd00::/8]:8000-8100.`,
  );

const parsePorts = (rule: string, text: string | undefined): Rule['ports'] => {
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

/**
 * `*` stands for anything, nothing included. What is between two of them is looked for from the left, once: a client
 * chooses the name, and a regular expression with a few stars would be busy with it for minutes.
 */
const nameMatcher = (pattern: string): ((name: string) => boolean) => {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (name) => name === first;
  return (name) => {
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return name.length - last.length >= at && name.endsWith(last);
  };
};

const parseHost = (text: string, host: string): HostPattern => {
  if (host === '*') return { kind: 'any' };
  if (host.toLowerCase() === 'localhost') return { kind: 'loopback' };
  const range = parseNetwork(host);
  if (range !== undefined) return { kind: 'network', network: range };
  if (!/^[\w*-]+(?:\.[\w*-]+)*\.?$/.test(host) || /^[\d.]+$/.test(host))
    throw invalid(text, `"${host}" is no address, no CIDR and no name pattern`);
  const pattern = canonicalHost(host);
  return { kind: 'name', pattern, matches: nameMatcher(pattern) };
};

/** Throws `invalid-config` on a rule that cannot be read. */
export const parseRule = (text: string): Rule => {
  const [host, ports] = splitRule(text.trim());
  return { text, ports: parsePorts(text, ports), host: parseHost(text, host) };
};

/** Whether the rule names no ports, or all of them. */
export const coversEveryPort = ({ ports }: Rule): boolean => ports.some(([from, to]) => from <= 1 && to === 65535);

/** `port` undefined stands for any port at all. */
export const coversPort = ({ ports }: Rule, port: number | undefined): boolean =>
  port === undefined || ports.some(([from, to]) => port >= from && port <= to);
