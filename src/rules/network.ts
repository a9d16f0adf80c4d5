// Networks of IP addresses: reading CIDR text, and asking whether an address lies inside. Pure arithmetic.

import net from 'node:net';
import { canonicalHost, isIP, isIPv4 } from '../socks/address.ts';

export interface Network {
  readonly address: string;
  readonly prefix: number;
  /** `address` as `canonicalHost` spells it. */
  readonly contains: (address: string) => boolean;
}

/** An address or a CIDR; undefined where the text is neither. */
export const parseNetwork = (text: string): Network | undefined => {
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

/** A network that is written in the code. */
export const network = (text: string): Network => {
  const parsed = parseNetwork(text);
  if (parsed === undefined) throw new Error(`${text} is no network`);
  return parsed;
};

export const LOOPBACK: readonly Network[] = ['127.0.0.0/8', '::1/128'].map(network);

export const isLoopback = (address: string): boolean => LOOPBACK.some(({ contains }) => contains(address));
