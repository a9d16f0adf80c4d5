// The associations of all users: how many there may be, and how each of their datagrams finds its local.

import type { ServerConfig } from '../config/schema.ts';
import { DepotError } from '../errors.ts';
import type { Connection, Request } from '../net/connector.ts';
import type { DatagramEndpoint } from '../net/datagrams.ts';
import { type Address, UNSPECIFIED } from '../socks/address.ts';
import { Association, type Destination } from './association.ts';
import type { Candidate } from './decide.ts';
import type { Gate } from './gate.ts';
import type { Registry } from './registry.ts';

export interface AssociationsOptions {
  readonly registry: Registry;
  readonly gate: Gate;
  readonly config: Pick<ServerConfig, 'udpQueueBytes' | 'udpAssociationsMax' | 'udpAssociationsPerUserMax'>;
  /** A virtual address as the name that it stands for. */
  readonly named: (address: Address) => Address;
  readonly open: (
    candidate: Pick<Candidate, 'local' | 'addressRules'>,
    request: Request,
    signal: AbortSignal,
  ) => Promise<DatagramEndpoint>;
}

export class Associations {
  readonly #options: AssociationsOptions;
  /** How many each user has. */
  readonly #counts = new Map<string | undefined, number>();

  constructor(options: AssociationsOptions) {
    this.#options = options;
  }

  /** Datagrams name their destinations themselves. So there is no local yet, but there has to be one that could be it. */
  associate(request: Request): Connection {
    const { gate, config, open } = this.#options;
    const { steps, allowed, code = 'not-allowed', reason, user } = gate.decideStarted(request);
    // That no local can be chosen for the association as a whole says nothing of its datagrams.
    if (!allowed && steps.at(-1)?.step !== 'route') throw new DepotError(code, reason);
    this.#requireUseful();
    const release = this.#count(user);
    const association = new Association({
      queueBytes: config.udpQueueBytes,
      route: (address) => this.#route(address, request),
      open: (candidate, signal) => open(candidate, request, signal),
      onEnd: release,
    });
    return { kind: 'datagrams', bound: UNSPECIFIED, datagrams: gate.rates.applyToAssociation(association, user) };
  }

  /** Decided as a connection to the same place would be. */
  #route(address: Address, { user, from }: Request): Destination {
    const asked = { command: 'connect', destination: this.#options.named(address), user, from } as const;
    const { allowed, candidates, code = 'not-allowed', reason, destination } = this.#options.gate.decideStarted(asked);
    const [candidate] = candidates;
    if (!allowed || candidate === undefined) throw new DepotError(code, reason);
    return { ...candidate, destination };
  }

  /** Throws where no local could carry datagrams now. */
  #requireUseful(): void {
    const sessions = this.#options.registry.all();
    if (sessions.length === 0) throw new DepotError('local-away', 'no local is connected');
    if (!sessions.some((session) => session.knows('associate')))
      throw new DepotError(
        'command-unsupported',
        'every local that is connected is too old for associate; upgrade one',
      );
  }

  #count(user: string | undefined): () => void {
    const { udpAssociationsMax, udpAssociationsPerUserMax } = this.#options.config;
    const inAll = this.#counts.values().reduce((sum, count) => sum + count, 0);
    const own = this.#counts.get(user) ?? 0;
    if (inAll >= udpAssociationsMax) throw new DepotError('limit-reached', `there are ${inAll} associations already`);
    if (own >= udpAssociationsPerUserMax)
      throw new DepotError('limit-reached', `this user has ${own} associations already`);
    this.#counts.set(user, own + 1);
    return () => {
      const left = (this.#counts.get(user) ?? 1) - 1;
      if (left === 0) this.#counts.delete(user);
      else this.#counts.set(user, left);
    };
  }
}
