// Two ends of the link over real TLS on the loopback, for tests of what runs on top of it.

import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';
import type tls from 'node:tls';
import type { DepotError } from '../../src/errors.ts';
import { encodeJsonFrame, type FrameSink, FrameType } from '../../src/link/frames.ts';
import type { Open } from '../../src/link/messages.ts';
import { WindowBudget, type WindowOptions } from '../../src/link/window.ts';
import type { Connection } from '../../src/net/connector.ts';
import { resolveHost } from '../../src/net/dial.ts';
import type { Endpoint } from '../../src/net/endpoint.ts';
import { FrameConnection, type HeartbeatOptions } from '../../src/net/frame-connection.ts';
import { generatePrivateKey, identityOf } from '../../src/net/identity.ts';
import { TlsAcceptor, TlsDialer } from '../../src/net/tls.ts';
import { type IncomingStream, Tunnel } from '../../src/net/tunnel.ts';
import type { TunnelStream } from '../../src/net/tunnel-stream.ts';
import { type Nature, TcpRelay } from './tcp-relay.ts';

const MIB = 1024 * 1024;

export const SERVER = identityOf(generatePrivateKey());
export const LOCAL = identityOf(generatePrivateKey());
export const NEVER = new AbortController().signal;

const PATIENT: HeartbeatOptions = { heartbeatMs: 60_000, deadAfterMs: 120_000 };

export const OPEN: Open = {
  command: 'connect',
  destination: { host: 'nas.lan', port: 80 },
  user: 'alice',
  from: '192.0.2.1',
};
/** What a CONNECT has to come to. */
export const streamOf = (connection: Connection): Endpoint => {
  if (connection.kind !== 'stream') throw new Error(`${connection.kind} instead of a stream`);
  return connection.stream;
};

/** The stream that local was asked for. */
export const acceptedBy = ({ stream }: IncomingStream): TunnelStream => {
  if (stream === undefined) throw new Error('no stream was asked for');
  return stream;
};

export const BOUND = { host: '192.168.1.2', port: 40_000 };

export const windows = (): WindowOptions => ({
  maxBytes: 8 * MIB,
  budget: new WindowBudget(64 * MIB),
  datagramBytes: 256 * 1024,
});

/** A TLS connection between two identities, on a line of its own nature where that is given; both sockets die with the test. */
export const tlsPair = async (
  t: TestContext,
  far?: Nature,
): Promise<{ readonly server: tls.TLSSocket; readonly local: tls.TLSSocket }> => {
  const listener = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  listener.listen({ host: '127.0.0.1', port: 0 });
  await once(listener, 'listening');
  const to = listener.address() as net.AddressInfo;
  const line =
    far && (await TcpRelay.listen({ host: '127.0.0.1', port: 0 }, { host: '127.0.0.1', port: to.port }, far));
  const accepted = once(listener, 'connection').then(([socket]) =>
    new TlsAcceptor(SERVER).accept(socket as net.Socket, NEVER),
  );
  const dialed = new TlsDialer(LOCAL).dial({
    host: '127.0.0.1',
    port: line?.port ?? to.port,
    fingerprint: SERVER.fingerprint,
    resolve: resolveHost,
    signal: NEVER,
  });
  const [{ socket: server }, local] = await Promise.all([accepted, dialed]);
  listener.close();
  t.after(async () => {
    for (const socket of [server, local]) socket.on('error', () => undefined).destroy();
    await line?.[Symbol.asyncDispose]();
  });
  return { server, local };
};

export interface Heard {
  readonly type: FrameType;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** A side that is no tunnel: it sends what it likes, and remembers what it hears. */
export class RawSide implements FrameSink {
  readonly heard: Heard[] = [];
  readonly #waiting: { readonly type: FrameType; readonly resolve: (frame: Heard) => void }[] = [];
  readonly connection: FrameConnection;

  constructor(socket: tls.TLSSocket, options: HeartbeatOptions = PATIENT) {
    this.connection = new FrameConnection(socket, this, options);
  }

  data(stream: number, payload: Uint8Array): void {
    this.frame(FrameType.data, stream, payload);
  }

  frame(type: FrameType, stream: number, payload: Uint8Array): void {
    const frame = { type, stream, payload: Uint8Array.from(payload) };
    this.heard.push(frame);
    const index = this.#waiting.findIndex((waiting) => waiting.type === type);
    if (index >= 0) this.#waiting.splice(index, 1)[0]?.resolve(frame);
  }

  /** The next frame of this type that has not come yet. */
  next(type: FrameType): Promise<Heard> {
    const frame = Promise.withResolvers<Heard>();
    this.#waiting.push({ type, resolve: frame.resolve });
    return frame.promise;
  }

  send(...frames: readonly Uint8Array[]): void {
    this.connection.send(new Uint8Array(Buffer.concat(frames)));
  }

  sendJson(type: FrameType, stream: number, message: unknown): void {
    this.send(encodeJsonFrame(type, stream, message));
  }
}

/** What local was asked for, in order, and whoever waits for it. */
export class Requests {
  readonly #come: { readonly open: Open; readonly incoming: IncomingStream }[] = [];
  readonly #waiting: ((request: { readonly open: Open; readonly incoming: IncomingStream }) => void)[] = [];

  readonly accept = (open: Open, incoming: IncomingStream): void => {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#come.push({ open, incoming });
    else waiting({ open, incoming });
  };

  next(): Promise<{ readonly open: Open; readonly incoming: IncomingStream }> {
    const request = this.#come.shift();
    return request === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(request);
  }
}

interface PairOptions {
  /** The server's windows. */
  readonly ofServer?: WindowOptions;
  /** The nature of the line between. */
  readonly far?: Nature;
  /** How often the server asks for a sign of life, and so knows the round trip. */
  readonly beat?: HeartbeatOptions;
}

/** A tunnel on each side. */
export const tunnelPair = async (
  t: TestContext,
  { ofServer = windows(), far, beat = PATIENT }: PairOptions = {},
): Promise<{ readonly server: Tunnel; readonly local: Tunnel; readonly requests: Requests }> => {
  const sockets = await tlsPair(t, far);
  const requests = new Requests();
  const local = new Tunnel(new RawSide(sockets.local).connection, { windows: windows(), accept: requests.accept });
  const server = new Tunnel(new RawSide(sockets.server, beat).connection, { windows: ofServer });
  return { server, local, requests };
};

/** A server's tunnel with somebody at the other end who may break every rule. */
export const serverWithRawLocal = async (
  t: TestContext,
): Promise<{ readonly server: Tunnel; readonly raw: RawSide; readonly ended: Promise<DepotError> }> => {
  const sockets = await tlsPair(t);
  const raw = new RawSide(sockets.local);
  const server = new Tunnel(new RawSide(sockets.server).connection, { windows: windows() });
  return { server, raw, ended: raw.connection.closed };
};

/** The same, seen from local. */
export const localWithRawServer = async (
  t: TestContext,
): Promise<{ readonly raw: RawSide; readonly requests: Requests; readonly ended: Promise<DepotError> }> => {
  const sockets = await tlsPair(t);
  const requests = new Requests();
  const local = new Tunnel(new RawSide(sockets.local).connection, { windows: windows(), accept: requests.accept });
  const raw = new RawSide(sockets.server);
  void local;
  return { raw, requests, ended: raw.connection.closed };
};
