// The server's Connector: finds the local that a request is for, asks it, and passes on what it said.

import type { ServerConfig } from '../config/schema.ts';
import { asDepotError, DepotError, type ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Connection, Connector, Progress, Request } from '../net/connector.ts';
import { deadline } from '../net/dial.ts';
import type { DatagramEndpoint } from '../net/datagrams.ts';
import { type Address, isLoopbackHost, UNSPECIFIED } from '../socks/address.ts';
import { Associations } from './associations.ts';
import type { Candidate, Decision } from './decide.ts';
import type { Gate } from './gate.ts';
import type { Registry } from './registry.ts';
import { splitUser } from './router.ts';
import { VirtualAddresses } from './virtual-addresses.ts';

export interface ServerConnectorOptions {
  readonly registry: Registry;
  readonly gate: Gate;
  readonly log: Log;
  readonly config: Pick<ServerConfig, 'openMs' | 'udpQueueBytes' | 'udpAssociationsMax' | 'udpAssociationsPerUserMax'>;
}

/** The local, or the way to it, is gone; the app was not reached. What else fails would fail elsewhere too, or has been tried. */
const GONE: ReadonlySet<ErrorCode> = new Set(['local-away', 'local-lost', 'connection-lost', 'timed-out']);

export class ServerConnector {
  readonly #options: ServerConnectorOptions;
  readonly #virtual = new VirtualAddresses();
  readonly #associations: Associations;

  constructor(options: ServerConnectorOptions) {
    this.#options = options;
    this.#associations = new Associations({
      ...options,
      named: (address) => this.#named(address),
      open: (candidate, request, signal) => this.#openDatagrams(candidate, request, signal),
    });
  }

  readonly connect: Connector = async (asked, signal, progress) => {
    if (asked.command === 'associate') return this.#associations.associate(asked);
    const destination = this.#named(asked.destination);
    if (asked.command === 'resolve-ptr' && destination !== asked.destination)
      return { kind: 'answer', bound: { host: destination.host, port: 0 } };
    const request = { ...asked, destination };
    const connection = await this.askInTurn(this.#options.gate.decideStarted(request), request, signal, progress);
    return request.command === 'resolve' ? this.#usable(connection, request) : connection;
  };

  /** Asks one candidate after the other, as long as those before turn out to be gone. */
  async askInTurn(decision: Decision, request: Request, signal: AbortSignal, progress: Progress): Promise<Connection> {
    let isAnnounced = false;
    const listening = (bound: Address): void => {
      isAnnounced = true;
      progress.listening(bound);
    };
    const { candidates, code = 'not-allowed', reason } = decision;
    let failure = new DepotError(code, reason);
    for (const [index, candidate] of candidates.entries()) {
      progress.decided?.(candidate.local, candidate.reason);
      try {
        return await this.#ask(candidate, decision, request, signal, { listening, step: progress.step });
      } catch (error) {
        failure = asDepotError(error, 'internal');
        const next = candidates[index + 1];
        // What the client was told of a BIND holds for one local alone.
        if (next === undefined || isAnnounced || signal.aborted || !GONE.has(failure.code)) throw failure;
        this.#options.log.warn(
          { event: 'fail-over', from: candidate.local, to: next.local, code: failure.code },
          `asking local ${next.local} instead of ${candidate.local}: ${failure.message}`,
        );
      }
    }
    throw failure;
  }

  async #ask(
    { local, addressRules }: Pick<Candidate, 'local' | 'addressRules'>,
    { destination, user }: Pick<Decision, 'destination' | 'user'>,
    { command, from }: Request,
    signal: AbortSignal,
    progress?: Progress,
  ): Promise<Connection> {
    const { registry, gate, config } = this.#options;
    const { openMs } = config;
    const session = registry.get(local);
    if (session === undefined) throw new DepotError('local-away', `local ${local} is not connected`);
    const tooLate = (): DepotError =>
      new DepotError('timed-out', `local ${local} did not answer in ${openMs / 1000} s`);
    const limit = deadline(openMs, tooLate, signal);
    const open = {
      command,
      destination,
      user,
      from,
      ...(addressRules.length > 0 && { addressRules: [...addressRules] }),
      ...(progress?.step !== undefined && { check: true }),
    };
    try {
      const listening = (bound: Address): void => {
        // From here on we wait for the app, and local says when that has taken too long.
        limit.stopClock();
        progress?.listening(bound);
      };
      const connection = await session.open(open, limit.signal, { listening, step: progress?.step });
      if (connection.kind !== 'stream') return { ...connection, local };
      return { ...connection, stream: gate.rates.apply(connection.stream, user, local), local };
    } finally {
      limit.clear();
    }
  }

  /** The part of an association that one local carries. */
  async #openDatagrams(
    candidate: Pick<Candidate, 'local' | 'addressRules'>,
    request: Request,
    signal: AbortSignal,
  ): Promise<DatagramEndpoint> {
    const user = request.user === undefined ? undefined : splitUser(request.user).user;
    const connection = await this.#ask(candidate, { destination: UNSPECIFIED, user }, request, signal);
    if (connection.kind !== 'datagrams') throw new DepotError('internal', 'an association without datagrams');
    return this.#options.gate.rates.applyToBranch(connection.datagrams, candidate.local);
  }

  /** A virtual address as the name that it stands for. */
  #named(address: Address): Address {
    const host = this.#virtual.nameOf(address.host);
    return host === undefined ? address : { host, port: address.port };
  }

  /** The answer to RESOLVE, where a client that connects to this address would come to the same place; else a virtual one. */
  #usable(connection: Connection, request: Request): Connection {
    const { bound, local } = connection;
    const { host } = request.destination;
    if (!host.endsWith('.depot')) return connection;
    const { candidates } = this.#options.gate.decideStarted({ ...request, destination: bound });
    if (!isLoopbackHost(bound.host) && candidates[0]?.local === local) return connection;
    return { ...connection, bound: { host: this.#virtual.addressOf(host), port: 0 } };
  }
}
