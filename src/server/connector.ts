// The server's Connector: finds the local that a request is for, asks it, and passes on what it said.

import { asDepotError, DepotError, type ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Connection, Connector, Request } from '../net/connector.ts';
import { deadline } from '../net/dial.ts';
import { isLoopbackHost } from '../socks/address.ts';
import type { Candidate, Decision } from './decide.ts';
import type { Gate } from './gate.ts';
import type { Registry } from './registry.ts';
import { VirtualAddresses } from './virtual-addresses.ts';

export interface ServerConnectorOptions {
  readonly registry: Registry;
  readonly gate: Gate;
  readonly log: Log;
  /** How long a local may take to answer, in milliseconds. */
  readonly openMs: number;
}

/** The local, or the way to it, is gone; the app was not reached. What else fails would fail elsewhere too, or has been tried. */
const GONE: ReadonlySet<ErrorCode> = new Set(['local-away', 'local-lost', 'connection-lost', 'timed-out']);

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
    const connection = await this.#askInTurn(this.#options.gate.decideStarted(request), request, signal);
    return request.command === 'resolve' ? this.#usable(connection, request) : connection;
  };

  /** Asks one candidate after the other, as long as those before turn out to be gone. */
  async #askInTurn(decision: Decision, request: Request, signal: AbortSignal): Promise<Connection> {
    const { candidates, code = 'not-allowed', reason } = decision;
    let failure = new DepotError(code, reason);
    for (const [index, candidate] of candidates.entries()) {
      try {
        return await this.#ask(candidate, decision, request, signal);
      } catch (error) {
        failure = asDepotError(error, 'internal');
        const next = candidates[index + 1];
        if (next === undefined || signal.aborted || !GONE.has(failure.code)) throw failure;
        this.#options.log.warn(
          { event: 'fail-over', from: candidate.local, to: next.local, code: failure.code },
          `asking local ${next.local} instead of ${candidate.local}: ${failure.message}`,
        );
      }
    }
    throw failure;
  }

  async #ask(
    { local, addressRules }: Candidate,
    { destination, user }: Decision,
    { command, from }: Request,
    signal: AbortSignal,
  ): Promise<Connection> {
    const { registry, gate, openMs } = this.#options;
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
    };
    try {
      const connection = await session.open(open, limit.signal);
      if (connection.kind === 'answer') return { ...connection, local };
      return { ...connection, stream: gate.shape(connection.stream, user, local), local };
    } finally {
      limit.clear();
    }
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
