// The clients that are connected: devices of users, whose requests come over a link instead of the entry,
// and are carried exactly as if their user had come there.

import { DepotError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { FrameConnection } from '../net/frame-connection.ts';
import type { Streams } from '../net/streams.ts';
import type { AcceptStream } from '../net/tunnel.ts';
import type { Store, StoredClient } from '../store/store.ts';
import type { ClientDeviceStatus } from '../watch/status.ts';
import { Registry } from './registry.ts';
import { Session, type SessionPeer } from './session.ts';
import type { PoolOptions } from './tunnel-pool.ts';

/** What a device is called among those of all users. */
export const deviceTitle = ({ user, device }: Pick<StoredClient, 'user' | 'device'>): string => `${user}/${device}`;

export interface ClientsOptions {
  readonly store: Store;
  readonly streams: Streams;
  readonly log: Log;
}

export class Clients {
  readonly #options: ClientsOptions;
  readonly #registry: Registry;
  #refusing = false;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#registry = new Registry({
      onUp: ({ peer: { name, from, software, platform } }) =>
        options.log.info(
          { event: 'client-up', client: name, from, software, platform },
          `client ${name} connected from ${from}`,
        ),
      onDown: ({ peer: { name } }, error) =>
        options.log.info(
          { event: 'client-down', client: name, code: error.code },
          `client ${name} went away: ${error.message}`,
        ),
      onDraining: ({ peer: { name } }) =>
        options.log.info({ event: 'client-draining', client: name }, `client ${name} is about to stop`),
    });
  }

  /** Begins the session of a client that was welcomed. */
  add(
    client: StoredClient,
    peer: Pick<SessionPeer, 'from' | 'software' | 'platform' | 'version'>,
    connection: FrameConnection,
    pool: PoolOptions,
  ): void {
    const { fingerprint } = client;
    const session = new Session({ kind: 'client', name: deviceTitle(client), fingerprint, ...peer }, connection, {
      ...pool,
      accept: this.#acceptFor(client.user, peer.from),
    });
    this.#registry.add(session);
    this.#seen(client);
    void session.closed.then(() => this.#seen(client));
  }

  byFingerprint(fingerprint: string): Session | undefined {
    return this.#registry.byFingerprint(fingerprint);
  }

  /** Ends one session by USER/DEVICE. False where there is none. */
  end(title: string, error: DepotError): boolean {
    return this.#registry.end(title, error);
  }

  /** Ends the sessions of every device of a user. */
  endOf(user: string, error: DepotError): void {
    this.#registry.endOf(user, error);
  }

  /** Takes no more requests; streams that run go on. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Asks nobody for tunnels any more; resolves when none is on its way. */
  settle(): Promise<void> {
    return this.#registry.settle();
  }

  /** Tells everybody that we are about to stop. Returns who will look for another server now. */
  drain(): string[] {
    return this.#registry.drain();
  }

  /** Takes `settle` and `drain` back. */
  resume(): void {
    this.#registry.resume();
  }

  /** Resolves when all of these have a session. */
  arrived(titles: readonly string[]): Promise<void> {
    return this.#registry.arrived(titles);
  }

  endAll(error: DepotError): Promise<void> {
    return this.#registry.endAll(error);
  }

  status(): ClientDeviceStatus[] {
    return this.#options.store.clients().map((client) => {
      const session = this.#registry.get(deviceTitle(client));
      return {
        user: client.user,
        device: client.device,
        connected: session !== undefined,
        draining: session?.isDraining ?? false,
        since: session?.since ?? null,
        lastSeenAt: session === undefined ? client.lastSeenAt : Date.now(),
        from: session?.peer.from ?? null,
        software: session?.peer.software ?? null,
        platform: session?.peer.platform ?? null,
        rttMs: session?.rttMs ?? null,
        tunnels: session?.pool.counts ?? { idle: 0, busy: 0 },
      };
    });
  }

  /** The key says who asks and the connection from where; what the client says of that is not looked at. */
  #acceptFor(user: string, from: string): AcceptStream {
    const { streams } = this.#options;
    return ({ command, destination }, incoming) => {
      if (this.#refusing) incoming.answer(new DepotError('stopped', 'the server is about to stop'));
      else void streams.carry({ command, destination, user, from }, incoming);
    };
  }

  /** A disk that is full must not cost a session. */
  #seen(client: StoredClient): void {
    const { store, log } = this.#options;
    try {
      store.touchClient(client, Date.now());
    } catch (error) {
      const title = deviceTitle(client);
      log.error({ event: 'store-failed' }, `cannot remember that ${title} was seen: ${messageOf(error)}`);
    }
  }
}
