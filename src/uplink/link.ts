// One session with the server, from the dial to its end: control connection, and the tunnels that the server asks for.
// Knows nothing of trying again, nor whether a local or a client is speaking.

import { arch, platform } from 'node:os';
import { asDepotError, DepotError } from '../errors.ts';
import { encodeJsonFrame, frameName, type FrameSink, FrameType } from '../link/frames.ts';
import {
  Control,
  DRAINING_VERSION,
  type Failure,
  failureOf,
  type Hello,
  type LocalControl,
  type Open,
  parseMessage,
  PROTOCOL_VERSIONS,
  Welcome,
} from '../link/messages.ts';
import type { WindowOptions } from '../link/window.ts';
import { deadline, orAborted, type Resolve } from '../net/dial.ts';
import { expectFirst } from '../net/first-message.ts';
import type { FairShare } from '../net/fair-share.ts';
import { FrameConnection, type HeartbeatOptions } from '../net/frame-connection.ts';
import type { TlsDialer } from '../net/tls.ts';
import { type AcceptStream, Tunnel } from '../net/tunnel.ts';
import { TunnelSet } from '../net/tunnel-set.ts';
import { SOFTWARE } from '../version.ts';

/** How long a server that said goodbye may take to end the tunnels itself. */
const GOODBYE_MS = 2000;

/** What the first frame says of the caller besides its software. */
export type Introduction = { readonly purpose: 'control' } | { readonly purpose: 'client'; readonly device: string };

export interface LinkOptions {
  readonly introduction: Introduction;
  readonly dialer: TlsDialer;
  readonly host: string;
  readonly port: number;
  /** The server's key. */
  readonly fingerprint: string;
  readonly invitation: string | undefined;
  readonly resolve: Resolve;
  /** Read whenever they are needed. */
  readonly settings: HeartbeatOptions & {
    /** For one connection to be there, and for its handshake as a whole, in milliseconds. */
    readonly connectMs: number;
    readonly handshakeMs: number;
  };
  readonly share: FairShare;
  readonly windows: WindowOptions;
  /** What to do with streams that the server opens; where it is not given, opening one is a violation. */
  readonly accept: AcceptStream | undefined;
  /** Called with why a tunnel that the server asked for could not be brought. */
  readonly onTunnelFailed: (failure: Failure) => void;
}

/** Twice what a server may be set to (`tunnelsMax`): one that asks for more means harm, or is broken. */
const MOST_TUNNELS = 512;

export class Link implements FrameSink {
  readonly welcome: Welcome;
  /** Milliseconds since 1970. */
  readonly since = Date.now();
  readonly #control: FrameConnection;
  readonly #options: LinkOptions;
  /** The server's time when `performance.now()` was 0; a server of before does not tell. */
  readonly #serverEpoch: number | undefined;
  readonly #tunnels = new TunnelSet();
  readonly #ended = new AbortController();
  readonly #leaving = Promise.withResolvers<void>();
  /** Tunnels on their way. */
  #bringing = 0;

  /** `saidAtMs` is when we said hello, on the clock that is never set. */
  private constructor(control: FrameConnection, welcome: Welcome, options: LinkOptions, saidAtMs: number) {
    this.welcome = welcome;
    // The answer was written halfway between our hello and now, as far as anybody can tell.
    if (welcome.time !== undefined) this.#serverEpoch = welcome.time - (saidAtMs + performance.now()) / 2;
    this.#control = control;
    this.#options = options;
    control.handOver(this);
    control.startHeartbeat();
    void control.closed.then((error) => {
      this.#ended.abort(error);
      // A server that says goodbye says it on each tunnel too, behind the last bytes that are on their way to us.
      this.#tunnels.close(error, control.dismissed ? GOODBYE_MS : 0);
    });
  }

  /** Dials the server and is welcomed. Rejects with a `DepotError` that says how far it came. */
  static async connect(options: LinkOptions, signal: AbortSignal): Promise<Link> {
    const { introduction, settings, share, invitation } = options;
    const limit = deadline(
      settings.handshakeMs,
      () => new DepotError('timed-out', 'the server did not answer our hello in time'),
      signal,
    );
    try {
      const socket = await dialServer(options, options.port, limit.signal);
      const saidAtMs = performance.now();
      const arrival = Promise.withResolvers<Link>();
      const control: FrameConnection = new FrameConnection(
        socket,
        expectFirst(
          () => control,
          FrameType.welcome,
          Welcome,
          (welcome) => {
            if (!PROTOCOL_VERSIONS.includes(welcome.version)) {
              throw new DepotError(
                'version-mismatch',
                `the server chose version ${welcome.version} of the protocol, which we do not speak`,
              );
            }
            arrival.resolve(new Link(control, welcome, options, saidAtMs));
          },
        ),
        settings,
        share,
      );
      void control.closed.then((error) => arrival.reject(unanswered(options, error)));
      const hello: Hello = {
        ...introduction,
        versions: [...PROTOCOL_VERSIONS],
        software: SOFTWARE,
        platform: `${platform()}-${arch()}`,
        ...(invitation !== undefined && { invitation }),
      };
      control.send(encodeJsonFrame(FrameType.hello, 0, hello));
      return await orAborted(arrival.promise, limit.signal).catch((error: DepotError) => {
        control.close(error);
        throw error;
      });
    } finally {
      limit.clear();
    }
  }

  /** Resolves with why, once the session is over. */
  get closed(): Promise<DepotError> {
    return this.#control.closed;
  }

  /** Resolves when the server says that it is about to stop. Streams go on until it does. */
  get leaving(): Promise<void> {
    return this.#leaving.promise;
  }

  /** Tells the server that we are about to stop. One that is too old for that hears it with each request. */
  drain(): void {
    const message: LocalControl = { type: 'draining' };
    if (this.welcome.version >= DRAINING_VERSION) this.#control.send(encodeJsonFrame(FrameType.control, 0, message));
  }

  get rttMs(): number | undefined {
    return this.#control.roundTripMs;
  }

  /**
   * How far our clock is ahead of the server's, to the second; undefined where the server does not tell its time.
   * It follows when our clock is set, for the server's goes on by one that is not.
   */
  get clockAheadMs(): number | undefined {
    if (this.#serverEpoch === undefined) return undefined;
    const seconds = Math.round((Date.now() - performance.now() - this.#serverEpoch) / 1000);
    return seconds === 0 ? 0 : seconds * 1000;
  }

  get tunnels(): { readonly idle: number; readonly busy: number } {
    return this.#tunnels.counts;
  }

  /** The best tunnel for a new stream; waits for one where there is none. Rejects when the session is over. */
  async tunnel(signal: AbortSignal): Promise<Tunnel> {
    for (;;) {
      const tunnel = this.#tunnels.best();
      if (tunnel !== undefined) return tunnel;
      await this.#tunnels.change(signal);
    }
  }

  close(error: DepotError): void {
    this.#control.close(error);
  }

  data(): void {
    throw new DepotError('protocol-violation', 'data on the control connection');
  }

  frame(type: FrameType, _stream: number, payload: Uint8Array): void {
    if (type !== FrameType.control)
      throw new DepotError('protocol-violation', `a ${frameName(type)} frame on the control connection`);
    const message = parseMessage(Control, payload);
    if (message.type === 'draining') this.#leaving.resolve();
    else if (message.type === 'tunnels') for (const id of message.ids) void this.#bring(id);
    else if (this.#options.accept === undefined)
      throw new DepotError('protocol-violation', 'a request for somebody who dials nothing');
    else void this.#bring(message.tunnel, message.open);
  }

  /** Brings the tunnel that the server asked for; `open` is the request that waits for it. */
  async #bring(id: string, open?: Open): Promise<void> {
    const { settings, share, windows, accept, onTunnelFailed } = this.#options;
    this.#bringing += 1;
    if (this.#bringing + this.#tunnels.size > MOST_TUNNELS)
      this.close(new DepotError('protocol-violation', `the server asked for more than ${MOST_TUNNELS} tunnels`));
    const limit = deadline(
      settings.handshakeMs,
      () => new DepotError('timed-out', 'the server did not take a tunnel in time'),
      this.#ended.signal,
    );
    try {
      const socket = await dialServer(this.#options, this.welcome.tunnelPort ?? this.#options.port, limit.signal);
      const hello: Hello = { purpose: 'tunnel', id };
      const connection = new FrameConnection(socket, NOTHING_YET, settings, share);
      connection.send(encodeJsonFrame(FrameType.hello, 0, hello));
      connection.runsBeside(this.#control);
      const tunnel = new Tunnel(connection, { windows, ...(accept && { accept }) });
      this.#tunnels.add(tunnel);
      if (open !== undefined) tunnel.adopt(open);
    } catch (error) {
      // Why the session is over is said elsewhere, and nobody waits for its tunnels.
      if (this.#ended.signal.aborted) return;
      const failure = failureOf(asDepotError(error, 'connection-lost'));
      onTunnelFailed(failure);
      const message: LocalControl = { type: 'tunnel-failed', tunnel: id, failure };
      this.#control.send(encodeJsonFrame(FrameType.control, 0, message));
    } finally {
      this.#bringing -= 1;
      limit.clear();
    }
  }
}

/** A port of depot that is none for locals and clients takes our TLS, and nothing that comes in it. */
const unanswered = ({ host, port }: LinkOptions, error: DepotError): DepotError =>
  error.code === 'connection-lost'
    ? new DepotError(
        error.code,
        `${host}:${port} answered nothing: ${error.message}. If it stays so, look whether this is the server's control port`,
        { cause: error },
      )
    : error;

/** The tunnel takes the connection over in the same turn; nothing can have come. */
const NOTHING_YET: FrameSink = { data: () => undefined, frame: () => undefined };

const dialServer = async (
  { dialer, host, fingerprint, invitation, resolve, settings: { connectMs } }: LinkOptions,
  port: number,
  signal: AbortSignal,
): ReturnType<TlsDialer['dial']> => {
  const limit = deadline(
    connectMs,
    () => new DepotError('dial-timeout', `${host}:${port} did not answer in ${connectMs / 1000} s`),
    signal,
  );
  try {
    const joining = invitation !== undefined;
    return await dialer.dial({ host, port, fingerprint, joining, resolve, signal: limit.signal });
  } finally {
    limit.clear();
  }
};
