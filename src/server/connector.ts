// The server's Connector: finds the local that a request is for, asks it, and passes on what it said.

import { DepotError } from '../errors.ts';
import type { Connection, Connector, Request } from '../net/connector.ts';
import { deadline } from '../net/dial.ts';
import { type Address, isLoopbackHost } from '../socks/address.ts';
import type { Store } from '../store/store.ts';
import type { Registry } from './registry.ts';
import { type Route, route, splitUser } from './router.ts';
import type { Session } from './session.ts';

import { VirtualAddresses } from './virtual-addresses.ts';

export interface ServerConnectorOptions {
  readonly store: Store;
  readonly registry: Registry;
  /** How long a local may take to answer, in milliseconds. */
  readonly openMs: number;
}

interface Chosen {
  readonly session: Session;
  readonly destination: Address;
  /** The user without the route that its name may carry. */
  readonly user: string | undefined;
}

export class ServerConnector {
  readonly #options: ServerConnectorOptions;
  readonly #virtual = new VirtualAddresses();

  constructor(options: ServerConnectorOptions) {
    this.#options = options;
  }

  readonly connect: Connector = async (asked, signal) => {
    const name = this.#virtual.nameOf(asked.destination.host);
    if (name !== undefined && asked.command === 'resolve-ptr')
      return { kind: 'answer', bound: { host: name, port: 0 } };
    const request = name === undefined ? asked : { ...asked, destination: { ...asked.destination, host: name } };
    const connection = await this.#ask(this.#choose(request), request, signal);
    return request.command === 'resolve' ? this.#usable(connection, request) : connection;
  };

  async #ask(
    { session, destination, user }: Chosen,
    { command, from }: Request,
    signal: AbortSignal,
  ): Promise<Connection> {
    const { openMs } = this.#options;
    const { name } = session.peer;
    const tooLate = (): DepotError => new DepotError('timed-out', `local ${name} did not answer in ${openMs / 1000} s`);
    const limit = deadline(openMs, tooLate, signal);
    try {
      return { ...(await session.open({ command, destination, user, from }, limit.signal)), local: name };
    } finally {
      limit.clear();
    }
  }

  #choose({ destination, user }: Request): Chosen {
    const names = user === undefined ? undefined : splitUser(user);
    const chosen = this.#route(destination, user);
    const session = this.#options.registry.get(chosen.local);
    if (session === undefined) throw new DepotError('local-away', `local ${chosen.local} is not connected`);
    return { destination: chosen.destination, session, user: names?.user };
  }

  #route(destination: Address, user: string | undefined): Route {
    const { store, registry } = this.#options;
    const names = user === undefined ? undefined : splitUser(user);
    const known = store.localNames();
    const stored = names && store.user(names.user);
    if (names !== undefined && stored === undefined)
      throw new DepotError('not-allowed', `there is no user ${names.user} any more`);
    return route(destination, names?.local, stored?.locals ?? [], {
      all: () => [...known],
      known: (name) => known.has(name),
      connected: (name) => registry.get(name) !== undefined,
    });
  }

  /** The answer to RESOLVE, where a client that connects to this address would come to the same place; else a virtual one. */
  #usable(connection: Connection, { destination, user }: Request): Connection {
    const { bound, local } = connection;
    if (!destination.host.endsWith('.depot')) return connection;
    if (!isLoopbackHost(bound.host) && this.#leadsTo(bound, user) === local) return connection;
    return { ...connection, bound: { host: this.#virtual.addressOf(destination.host), port: 0 } };
  }

  #leadsTo(address: Address, user: string | undefined): string | undefined {
    try {
      return this.#route(address, user).local;
    } catch (error) {
      if (error instanceof DepotError) return undefined;
      throw error;
    }
  }
}
