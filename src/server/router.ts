// Which local a request is for, and what it is called there. Pure: it is handed what it needs to know.

import { DepotError } from '../errors.ts';
import type { Address } from '../socks/address.ts';

export interface RouteKnowledge {
  /** Every local that ever joined and was not revoked. */
  readonly known: (name: string) => boolean;
  readonly connected: (name: string) => boolean;
  readonly all: () => readonly string[];
}

/** A user name as the client gives it: who it is, and a local that it asks for with `NAME+LOCAL`. */
export interface NamedRoute {
  readonly user: string;
  readonly local: string | undefined;
}

export interface Route {
  readonly local: string;
  readonly destination: Address;
}

const SUFFIX = '.depot';

/** What a local's own loopback is called on the way to it. */
const OWN_LOOPBACK = 'localhost';

export const splitUser = (username: string): NamedRoute => {
  const at = username.lastIndexOf('+');
  return at < 0
    ? { user: username, local: undefined }
    : { user: username.slice(0, at), local: username.slice(at + 1).toLowerCase() };
};

/** `NAME.depot` and `HOST.NAME.depot`; undefined for every other host. */
const splitHost = (host: string): { local: string; host: string } | undefined => {
  if (!host.endsWith(SUFFIX)) return undefined;
  const labels = host.slice(0, -SUFFIX.length).split('.');
  if (labels.includes('')) throw new DepotError('malformed-request', `${host} has an empty label`);
  const local = labels.pop() ?? '';
  return { local, host: labels.length === 0 ? OWN_LOOPBACK : labels.join('.') };
};

/**
 * The route of a request: the local that its host names, else the one that the user name asks for,
 * else the first of the user's own list that is connected, else the only one there is.
 * `allowed` is the user's list, empty where the user may use every local.
 * Throws `no-such-local`, `local-away`, `no-route` or `not-allowed`.
 */
export const route = (
  destination: Address,
  wanted: string | undefined,
  allowed: readonly string[],
  locals: RouteKnowledge,
): Route => {
  const named = splitHost(destination.host);
  const target = named === undefined ? destination : { host: named.host, port: destination.port };
  const name = named?.local ?? wanted;
  return { local: name === undefined ? choose(allowed, locals) : check(name, allowed, locals), destination: target };
};

const check = (name: string, allowed: readonly string[], { known, connected }: RouteKnowledge): string => {
  if (allowed.length > 0 && !allowed.includes(name))
    throw new DepotError('not-allowed', `this user may not use local ${name}`);
  if (!known(name)) throw new DepotError('no-such-local', `there is no local ${name}`);
  if (!connected(name)) throw new DepotError('local-away', `local ${name} is not connected`);
  return name;
};

const choose = (allowed: readonly string[], locals: RouteKnowledge): string => {
  if (allowed.length > 0) {
    const first = allowed.find(locals.connected);
    if (first === undefined) throw new DepotError('local-away', `none of ${allowed.join(', ')} is connected`);
    return first;
  }
  const [only, ...others] = locals.all();
  if (only === undefined) throw new DepotError('no-route', 'no local has joined yet');
  if (others.length > 0)
    throw new DepotError(
      'no-route',
      `there are several locals: name one in the host (HOST.${only}.depot) or in the user name (NAME+${only})`,
    );
  return check(only, allowed, locals);
};
