// Which local a request is for, and what it is called there. Pure: it is handed what it needs to know.

import { DepotError } from '../errors.ts';
import type { Address } from '../socks/address.ts';

/** Several locals under one name. */
export interface Group {
  readonly locals: readonly string[];
  /** `first`: in the order of the list. `least-busy`: who has fewest streams comes first. */
  readonly policy: 'first' | 'least-busy';
}

export interface RouteKnowledge {
  /** Every local that ever joined and was not revoked. */
  readonly known: (name: string) => boolean;
  /** Whether it takes new requests. */
  readonly connected: (name: string) => boolean;
  /** It is there, and about to stop. */
  readonly draining: (name: string) => boolean;
  readonly all: () => readonly string[];
  readonly group: (name: string) => Group | undefined;
  /** Streams that run through a local now. */
  readonly streams: (name: string) => number;
}

/** A user name as the client gives it: who it is, and a local that it asks for with `NAME+LOCAL`. */
export interface NamedRoute {
  readonly user: string;
  readonly local: string | undefined;
}

export interface Route {
  /** At least one, all connected: which to try first, and which next where it turns out to be gone. */
  readonly locals: readonly string[];
  /** The group that was asked for, where it was one. */
  readonly group: string | undefined;
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
 * The route of a request: the local or group that its host names, else the one that the user name asks for,
 * else the user's own list as far as it is connected, else the only local there is.
 * `allowed` is the user's list of locals and groups, empty where the user may use every local.
 * Throws `no-such-local`, `local-away`, `no-route` or `not-allowed`.
 */
export const route = (
  destination: Address,
  wanted: string | undefined,
  allowed: readonly string[],
  knowledge: RouteKnowledge,
): Route => {
  const named = splitHost(destination.host);
  const target = named === undefined ? destination : { host: named.host, port: destination.port };
  const name = named?.local ?? wanted;
  const isGroup = name !== undefined && knowledge.group(name) !== undefined;
  const own = membersOf(allowed, knowledge);
  const locals = name === undefined ? choose(allowed, own, knowledge) : check(name, own, knowledge);
  return { locals, group: isGroup ? name : undefined, destination: target };
};

/** Each group replaced by its locals, as its policy puts them. */
const membersOf = (names: readonly string[], { group, streams }: RouteKnowledge): readonly string[] => {
  const members = names.flatMap((name) => {
    const found = group(name);
    if (found === undefined) return [name];
    return found.policy === 'first' ? found.locals : found.locals.toSorted((a, b) => streams(a) - streams(b));
  });
  return [...new Set(members)];
};

const check = (name: string, own: readonly string[], knowledge: RouteKnowledge): readonly string[] => {
  const { known, connected, group } = knowledge;
  const members = membersOf([name], knowledge);
  const usable = own.length === 0 ? members : members.filter((member) => own.includes(member));
  if (usable.length === 0) throw new DepotError('not-allowed', `this user may not use local ${name}`);
  const isGroup = group(name) !== undefined;
  if (!isGroup && !known(name)) throw new DepotError('no-such-local', `there is no local ${name}`);
  const here = usable.filter(connected);
  if (here.length > 0) return here;
  throw new DepotError(
    'local-away',
    isGroup
      ? `none of ${usable.join(', ')} (group ${name}) is connected`
      : `local ${name} is ${knowledge.draining(name) ? 'about to stop' : 'not connected'}`,
  );
};

const choose = (allowed: readonly string[], own: readonly string[], knowledge: RouteKnowledge): readonly string[] => {
  if (own.length > 0) {
    const here = own.filter(knowledge.connected);
    if (here.length === 0) throw new DepotError('local-away', `none of ${allowed.join(', ')} is connected`);
    return here;
  }
  const [only, ...others] = knowledge.all();
  if (only === undefined) throw new DepotError('no-route', 'no local has joined yet');
  if (others.length > 0)
    throw new DepotError(
      'no-route',
      `there are several locals: name one in the host (HOST.${only}.depot) or in the user name (NAME+${only})`,
    );
  return check(only, own, knowledge);
};
