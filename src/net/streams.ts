// Carries every stream of one side from its request to its end, and knows which are running.
// The entry uses it with the router as connector, local with its dialer: the path is the same.

import { asDepotError, DepotError, type ErrorCode, Reply } from '../errors.ts';
import type { Address } from '../socks/address.ts';
import type { Command } from '../socks/messages.ts';
import type { Connection, Connector, Progress, Request } from './connector.ts';
import { type DatagramEndpoint, DatagramRelay } from './datagrams.ts';
import type { Descriptors } from './descriptors.ts';
import type { Endpoint } from './endpoint.ts';
import { type OnEnded, Relay } from './relay.ts';

/** A running stream, as status shows it. */
export interface StreamSnapshot {
  readonly id: number;
  readonly command: Command;
  readonly user: string | undefined;
  /** The client's IP address. */
  readonly from: string;
  readonly target: Address;
  readonly local: string | undefined;
  /** Which rule of this side let it through, or that there is none; undefined until that is decided. */
  readonly rule?: string | undefined;
  /** The address that the target turned out to have; known to the side that dialed it, while the stream is open. */
  readonly app?: Address | undefined;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly state: 'connecting' | 'open';
  /** Bytes from client to app. */
  readonly bytesUp: number;
  /** Bytes from app to client. */
  readonly bytesDown: number;
  /** Datagrams that were dropped here; 0 for all but associations. */
  readonly dropped: number;
}

/** What became of a stream. */
export interface StreamEnd extends StreamSnapshot {
  readonly durationMs: number;
  /** From the request to its answer, in milliseconds. */
  readonly connectMs: number;
  readonly reply: Reply;
  /** Why it failed or was aborted; undefined when both directions ended in order. */
  readonly error: { readonly code: ErrorCode; readonly message: string } | undefined;
}

/** Whoever asks: how to answer it, and how to know that it went away. */
export interface Asker {
  /** The client's end: of a stream, or of an association. */
  readonly stream?: Endpoint | undefined;
  readonly datagrams?: DatagramEndpoint | undefined;
  readonly signal: AbortSignal;
  /** Called first, with the number of the stream. */
  readonly started?: (id: number) => void;
  /** BIND: where the app is awaited, once, before the answer. */
  readonly listening?: (bound: Address) => void;
  /** How far it comes, where that is asked for. */
  readonly step?: Progress['step'];
  /** Called once, before any byte of the app is passed on. */
  answer(outcome: Connection | DepotError): void;
  /** Called once after `answer`, when the stream is over. */
  readonly onEnded?: () => void;
}

export interface StreamHooks {
  readonly onStart?: (stream: StreamSnapshot) => void;
  readonly onEnd?: (stream: StreamEnd) => void;
  /** The request was answered: by which local, where one was chosen, with what, and how long that took. */
  readonly onAnswer?: (local: string | undefined, reply: Reply, connectMs: number) => void;
  /** `onEnd` failed: one stream must not take the others with it. Without this it is thrown where nobody catches it. */
  readonly onUnforeseen?: (error: unknown) => void;
}

/** What moves in a running stream. */
export interface StreamProgress {
  readonly id: number;
  readonly isOpen: boolean;
  readonly local: string | undefined;
  readonly rule: string | undefined;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Read whenever they are needed. */
interface StreamsSettings {
  /** How long an association may carry nothing, in milliseconds. */
  readonly udpIdleMs: number;
  /** How many streams may run at a time; fewer where fewer files may be open. */
  readonly streamsMax: number;
}

export interface StreamsOptions {
  readonly settings: StreamsSettings;
  readonly descriptors: Descriptors;
}

interface Running {
  readonly id: number;
  readonly request: Request;
  readonly startedAt: number;
  readonly startedMs: number;
  /** Until it is open: then its relay is what can be aborted. */
  aborter?: AbortController | undefined;
  local?: string | undefined;
  rule?: string;
  app?: Address | undefined;
  connectMs?: number;
  relay?: Relay | DatagramRelay;
}

export class Streams {
  readonly #connector: Connector;
  readonly #hooks: StreamHooks;
  readonly #options: StreamsOptions;
  readonly #running = new Map<number, Running>();
  readonly #empty: (() => void)[] = [];
  #lastId = 0;

  constructor(connector: Connector, options: StreamsOptions, hooks: StreamHooks = {}) {
    this.#connector = connector;
    this.#options = options;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#running.size;
  }

  snapshots(): StreamSnapshot[] {
    return [...this.#running.values()].map(snapshot);
  }

  /** At most `limit` of the streams that began after number `after`, in order. */
  page(after: number, limit: number): StreamSnapshot[] {
    return this.#running
      .values()
      .filter(({ id }) => id > after)
      .take(limit)
      .map(snapshot)
      .toArray();
  }

  /** Shows what moves in every running stream, in order; cheap enough for each second. */
  visit(see: (stream: StreamProgress) => void): void {
    for (const { id, local, rule, relay } of this.#running.values()) {
      see({
        id,
        isOpen: relay !== undefined,
        local,
        rule,
        bytesUp: relay?.bytesUp ?? 0,
        bytesDown: relay?.bytesDown ?? 0,
      });
    }
  }

  /**
   * Carries one stream. Resolves when its request was answered: what runs then runs by itself, and nothing of the asker is
   * kept but `onEnded`. Failures are its answer, never a rejection.
   */
  async carry(request: Request, asker: Asker): Promise<void> {
    const { settings, descriptors } = this.#options;
    if (this.#running.size >= descriptors.atMost(settings.streamsMax, 1)) {
      const full = descriptors.full();
      this.#hooks.onAnswer?.(undefined, full.reply, 0);
      asker.answer(full);
      asker.onEnded?.();
      return;
    }
    this.#lastId += 1;
    const aborter = new AbortController();
    const stream: Running = { id: this.#lastId, request, startedAt: Date.now(), startedMs: performance.now(), aborter };
    this.#running.set(stream.id, stream);
    asker.started?.(stream.id);
    this.#hooks.onStart?.(snapshot(stream));
    try {
      const connection = await this.#connect(stream, asker, aborter);
      if (aborter.signal.aborted) {
        const error = asDepotError(aborter.signal.reason, 'aborted');
        abandon(connection, error);
        throw error;
      }
      this.#answered(stream, Reply.succeeded);
      asker.answer(connection);
      const onEnded = this.#ending(stream, Reply.succeeded, asker.onEnded);
      if (connection.kind === 'answer') onEnded();
      else stream.relay = this.#join(asker, connection, onEnded);
      stream.aborter = undefined;
    } catch (thrown) {
      const error = asDepotError(thrown, 'internal');
      this.#answered(stream, error.reply);
      asker.answer(error);
      this.#ending(stream, error.reply, asker.onEnded)(error);
    }
  }

  async #connect(stream: Running, asker: Asker, aborter: AbortController): Promise<Connection> {
    const onGone = (): void => aborter.abort(asker.signal.reason);
    if (asker.signal.aborted) onGone();
    asker.signal.addEventListener('abort', onGone);
    try {
      const connection = await this.#connector(stream.request, aborter.signal, {
        listening: (bound) => asker.listening?.(bound),
        step: asker.step,
        decided: (local, rule) => {
          stream.local = local;
          stream.rule = rule;
        },
      });
      stream.local = connection.local;
      stream.app = connection.app;
      return connection;
    } finally {
      asker.signal.removeEventListener('abort', onGone);
    }
  }

  #answered(stream: Running, reply: Reply): void {
    stream.connectMs = performance.now() - stream.startedMs;
    this.#hooks.onAnswer?.(stream.local, reply, stream.connectMs);
  }

  #join(
    { stream, datagrams }: Asker,
    connection: Exclude<Connection, { kind: 'answer' }>,
    onEnded: OnEnded,
  ): Relay | DatagramRelay {
    if (connection.kind === 'stream' && stream !== undefined) return new Relay(stream, connection.stream, onEnded);
    if (connection.kind === 'datagrams' && datagrams !== undefined)
      return new DatagramRelay(datagrams, connection.datagrams, this.#options.settings.udpIdleMs, onEnded);
    const error = new DepotError('internal', `the answer was ${connection.kind}, which nobody asked for`);
    abandon(connection, error);
    throw error;
  }

  /** What to do when a stream is over. Made here, so that it keeps nothing else alive while the stream runs. */
  #ending(stream: Running, reply: Reply, tell: (() => void) | undefined): OnEnded {
    return (error) => {
      this.#running.delete(stream.id);
      try {
        this.#hooks.onEnd?.({
          ...snapshot(stream),
          durationMs: performance.now() - stream.startedMs,
          connectMs: stream.connectMs ?? 0,
          reply,
          error: error && { code: error.code, message: error.message },
        });
      } catch (unforeseen) {
        if (this.#hooks.onUnforeseen === undefined) throw unforeseen;
        this.#hooks.onUnforeseen(unforeseen);
      }
      tell?.();
      if (this.#running.size === 0) for (const resolve of this.#empty.splice(0)) resolve();
    };
  }

  /** Ends one stream with an abort that both sides see. False where there is none of this id. */
  end(id: number, error: DepotError): boolean {
    const stream = this.#running.get(id);
    if (stream === undefined) return false;
    stream.aborter?.abort(error);
    stream.relay?.abort(error);
    return true;
  }

  /** Ends those that were asked for like this. Returns how many. */
  endWhere(isMeant: (request: Request) => boolean, error: DepotError): number {
    const meant = [...this.#running.values()].filter(({ request }) => isMeant(request));
    for (const { id } of meant) this.end(id, error);
    return meant.length;
  }

  endAll(error: DepotError): void {
    for (const id of this.#running.keys()) this.end(id, error);
  }

  /** Resolves as soon as nothing runs. */
  idle(): Promise<void> {
    return this.#running.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#empty.push(resolve));
  }
}

/** Ends a connection that nobody wants. */
const abandon = (connection: Connection, error: DepotError): void => {
  if (connection.kind === 'stream') connection.stream.reset(error);
  else if (connection.kind === 'datagrams') connection.datagrams.end(error);
};

const snapshot = ({ id, request, startedAt, local, rule, app, relay }: Running): StreamSnapshot => ({
  id,
  command: request.command,
  user: request.user,
  from: request.from,
  target: request.destination,
  local,
  ...(rule !== undefined && { rule }),
  ...(app !== undefined && { app }),
  startedAt,
  state: relay === undefined ? 'connecting' : 'open',
  bytesUp: relay?.bytesUp ?? 0,
  bytesDown: relay?.bytesDown ?? 0,
  dropped: relay?.dropped ?? 0,
});
