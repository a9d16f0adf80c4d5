// The session of one local or client: its control connection and its pool of tunnels. Ends as one.

import { DepotError } from '../errors.ts';
import { encodeJsonFrame, frameName, type FrameSink, FrameType } from '../link/frames.ts';
import {
  addressRulesVersionOf,
  type Control,
  DRAINING_VERSION,
  errorOf,
  LocalControl,
  type Open,
  parseMessage,
  versionOf,
} from '../link/messages.ts';
import type { Connection, Progress } from '../net/connector.ts';
import type { FrameConnection } from '../net/frame-connection.ts';
import type { Command } from '../socks/messages.ts';
import { type PoolOptions, TunnelPool } from './tunnel-pool.ts';

/** Who is at the other end. */
export interface SessionPeer {
  readonly kind: 'local' | 'client';
  /** A local's name, or USER/DEVICE for a client. */
  readonly name: string;
  readonly fingerprint: string;
  /** IP address. */
  readonly from: string;
  readonly software: string;
  readonly platform: string;
  /** The version of the protocol that this session speaks. */
  readonly version: number;
}

export class Session implements FrameSink {
  readonly peer: SessionPeer;
  readonly pool: TunnelPool;
  /** Milliseconds since 1970. */
  readonly since = Date.now();
  readonly #control: FrameConnection;
  readonly #drained = Promise.withResolvers<void>();
  #isDraining = false;
  #isLeft = false;

  /** Takes over a control connection that was welcomed. */
  constructor(peer: SessionPeer, control: FrameConnection, options: PoolOptions) {
    this.peer = peer;
    this.#control = control;
    control.handOver(this);
    control.startHeartbeat();
    this.pool = new TunnelPool(control, options);
    void control.closed.then((error) =>
      this.pool.close(
        new DepotError('local-lost', `${peer.kind} ${peer.name} is gone: ${error.message}`, { cause: error }),
      ),
    );
  }

  /** Resolves with why, once the session is over. */
  get closed(): Promise<DepotError> {
    return this.#control.closed;
  }

  /** Whether the other side takes no new requests any more. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Whether the other side was told that we are about to stop, and looks for another server. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  /** Resolves when the other side says that it is about to stop. */
  get draining(): Promise<void> {
    return this.#drained.promise;
  }

  get rttMs(): number | undefined {
    return this.#control.roundTripMs;
  }

  /** Whether this local is new enough for the command. */
  knows(command: Command): boolean {
    return this.peer.version >= versionOf(command);
  }

  /** Asks for a stream. Rejects with what local said, or with `command-unsupported` or `not-allowed` where it is too old to do it. */
  async open(open: Open, signal: AbortSignal, progress: Progress): Promise<Connection> {
    const { name, version, software } = this.peer;
    if (!this.knows(open.command))
      throw new DepotError(
        'command-unsupported',
        `local ${name} (${software}) is too old for ${open.command}; upgrade it`,
      );
    if (open.addressRules !== undefined && version < addressRulesVersionOf(open.command))
      throw new DepotError(
        'not-allowed',
        `local ${name} (${software}) is too old to check rules on the address of ${open.command === 'associate' ? 'a datagram' : open.destination.host}; upgrade it`,
      );
    return this.pool.open(open, signal, progress);
  }

  /**
   * Tells the other side that we are about to stop. One that is too old for that knows it by our goodbye, at once where it
   * has no streams. True where it will look for another server while this session goes on.
   */
  drain(): boolean {
    const message: Control = { type: 'draining' };
    const understands = this.peer.version >= DRAINING_VERSION;
    if (understands) this.#control.send(encodeJsonFrame(FrameType.control, 0, message));
    else if (this.pool.streams === 0) this.close(new DepotError('stopped', 'the server is about to stop'));
    this.#isLeft = understands && !this.#isDraining;
    return this.#isLeft;
  }

  /** We do not stop after all. Who looks for another server brings no more tunnels here. */
  resume(): void {
    if (!this.#isLeft) this.pool.resume();
  }

  close(error: DepotError): void {
    this.#control.close(error);
  }

  data(): void {
    throw new DepotError('protocol-violation', 'data on a control connection');
  }

  frame(type: FrameType, _stream: number, payload: Uint8Array): void {
    if (type !== FrameType.control)
      throw new DepotError('protocol-violation', `a ${frameName(type)} frame on a control connection`);
    const message = parseMessage(LocalControl, payload);
    if (message.type === 'tunnel-failed') this.pool.failed(message.tunnel, errorOf(message.failure));
    else {
      this.#isDraining = true;
      this.#drained.resolve();
    }
  }
}
