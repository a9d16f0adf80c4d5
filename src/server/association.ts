// The server's end of an association towards the locals: each datagram names its own destination, and so its own local.
// One association on a tunnel for each local, and for each list of rules that a local has to apply, opened by the first
// datagram that goes there. A local that goes away takes
// its part with it and no more; the next datagram opens it again.

import { asDepotError, DepotError } from '../errors.ts';
import type { AddressRule } from '../link/messages.ts';
import { type DatagramEndpoint, type DatagramSink, waitingBytes } from '../net/datagrams.ts';
import type { Address } from '../socks/address.ts';

export interface Destination {
  readonly local: string;
  /** As that local shall resolve it. */
  readonly destination: Address;
  /** For that local to apply to what it finds. */
  readonly addressRules: readonly AddressRule[];
}

export interface AssociationOptions {
  /** Throws a `DepotError` where the client may not go there, or nobody knows the way. */
  readonly route: (address: Address) => Destination;
  readonly open: (to: Pick<Destination, 'local' | 'addressRules'>, signal: AbortSignal) => Promise<DatagramEndpoint>;
  /** What may wait for a local to answer, in bytes. */
  readonly queueBytes: number;
  /** Called once, when it is over. */
  readonly onEnd: () => void;
}

interface Waiting {
  readonly data: Uint8Array;
  readonly destination: Address;
}

type Branch =
  | { readonly state: 'opening'; readonly waiting: Waiting[]; bytes: number }
  | { readonly state: 'open'; readonly endpoint: DatagramEndpoint }
  | { readonly state: 'failed'; readonly untilMs: number };

/** How long a route counts: the database is not asked for every datagram. */
const ROUTE_MS = 2000;
const ROUTES_KEPT = 1024;
/** How long a local that could not be asked is left alone. */
const FAILED_MS = 1000;

/** How many lists of rules an association may have at its locals: each of them costs a stream and sockets there. */
const MOST_RULED_BRANCHES = 8;

interface CachedRoute {
  readonly to: Destination | undefined;
  /** Which part of the association carries it. */
  readonly branch: string;
  readonly untilMs: number;
}

/** No name of a local has a space in it. */
const branchOf = ({ local, addressRules }: Destination): string =>
  addressRules.length === 0 ? local : `${local} ${JSON.stringify(addressRules)}`;

const hasRules = (branch: string): boolean => branch.includes(' ');

export class Association implements DatagramEndpoint {
  readonly #options: AssociationOptions;
  readonly #branches = new Map<string, Branch>();
  readonly #routes = new Map<string, CachedRoute>();
  readonly #ended = new AbortController();
  #latest: (CachedRoute & { readonly address: Address }) | undefined;
  #sink: DatagramSink | undefined;
  #dropped = 0;

  constructor(options: AssociationOptions) {
    this.#options = options;
  }

  get dropped(): number {
    let dropped = this.#dropped;
    for (const branch of this.#branches.values()) if (branch.state === 'open') dropped += branch.endpoint.dropped;
    return dropped;
  }

  readInto(sink: DatagramSink): void {
    this.#sink = sink;
  }

  send(data: Uint8Array, address: Address): void {
    const { to, branch: name } = this.#route(address);
    const branch = to && this.#branch(name, to);
    if (to === undefined || branch?.state === 'failed' || branch === undefined) this.#dropped += 1;
    else if (branch.state === 'open') branch.endpoint.send(data, to.destination);
    else if (branch.bytes + waitingBytes(data) > this.#options.queueBytes) this.#dropped += 1;
    else {
      branch.bytes += waitingBytes(data);
      branch.waiting.push({ data: Buffer.from(data), destination: to.destination });
    }
  }

  end(error?: DepotError): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(error ?? new DepotError('stopped', 'the association has ended'));
    for (const branch of this.#branches.values()) if (branch.state === 'open') branch.endpoint.end(error);
    this.#options.onEnd();
  }

  /** Datagrams come in rows with the very same address: then there is nothing to look up. */
  #route(address: Address): CachedRoute {
    const nowMs = performance.now();
    const latest = this.#latest;
    if (latest?.address === address && latest.untilMs > nowMs) return latest;
    const key = `${address.host} ${address.port}`;
    const cached = this.#routes.get(key);
    if (cached !== undefined && cached.untilMs > nowMs) {
      this.#latest = { ...cached, address };
      return cached;
    }
    let to: Destination | undefined;
    try {
      to = this.#options.route(address);
    } catch (error) {
      if (!(error instanceof DepotError)) throw error;
    }
    this.#routes.delete(key);
    const route = { to, branch: to === undefined ? '' : branchOf(to), untilMs: nowMs + ROUTE_MS };
    this.#routes.set(key, route);
    if (this.#routes.size > ROUTES_KEPT) this.#routes.delete(this.#routes.keys().next().value ?? key);
    return route;
  }

  /** Undefined where there are too many. */
  #branch(name: string, to: Destination): Branch | undefined {
    const known = this.#branches.get(name);
    if (known !== undefined && (known.state !== 'failed' || known.untilMs > performance.now())) return known;
    if (known === undefined && to.addressRules.length > 0 && this.#ruledBranches >= MOST_RULED_BRANCHES)
      return undefined;
    const opening: Branch = { state: 'opening', waiting: [], bytes: 0 };
    this.#branches.set(name, opening);
    this.#options.open(to, this.#ended.signal).then(
      (endpoint) => this.#opened(name, endpoint, opening.waiting),
      () => {
        this.#dropped += opening.waiting.length;
        this.#branches.set(name, { state: 'failed', untilMs: performance.now() + FAILED_MS });
      },
    );
    return opening;
  }

  get #ruledBranches(): number {
    return this.#branches.keys().filter(hasRules).toArray().length;
  }

  #opened(name: string, endpoint: DatagramEndpoint, waiting: readonly Waiting[]): void {
    if (this.#ended.signal.aborted) {
      endpoint.end(asDepotError(this.#ended.signal.reason, 'stopped'));
      return;
    }
    this.#branches.set(name, { state: 'open', endpoint });
    for (const { data, destination } of waiting) endpoint.send(data, destination);
    endpoint.readInto({
      send: (data, source) => this.#sink?.send(data, source),
      end: () => {
        this.#dropped += endpoint.dropped;
        this.#branches.delete(name);
      },
    });
  }
}
