// The door for clients: speaks SOCKS5 with whoever comes and turns it into a Request for the streams.
// Knows neither locals nor tunnels, and no user but through `authenticate`.

import type net from 'node:net';
import { DepotError, Reply } from '../errors.ts';
import { deadline, orAborted } from '../net/dial.ts';
import { EarlyEndpoint } from '../net/early-endpoint.ts';
import type { FairShare } from '../net/fair-share.ts';
import { SocketEndpoint } from '../net/socket-endpoint.ts';
import type { Streams } from '../net/streams.ts';
import { canonicalHost } from '../socks/address.ts';
import { advance, type HandshakeEvent, type HandshakeState, readsBytes } from '../socks/handshake.ts';
import { type Credentials, encodeReply, type SocksRequest } from '../socks/messages.ts';

/** Says whether a client is who it claims to be. */
export type Authenticate = (credentials: Credentials, from: string, signal: AbortSignal) => Promise<boolean>;

export interface EntryOptions {
  readonly streams: Streams;
  readonly authenticate: Authenticate;
  /** Whether clients need not say who they are. */
  readonly anonymous: boolean;
  readonly share: FairShare;
  /** The whole handshake, from the first byte to the request, in milliseconds. */
  readonly handshakeMs: number;
  /** Called with why a client got no further than its handshake. */
  readonly onTurnedAway?: (from: string, why: string) => void;
}

/** How long a client that was refused may take to read why and to close. */
const LINGER_MS = 2000;

interface Welcomed {
  readonly request: SocksRequest;
  readonly user: string | undefined;
}

export class Entry {
  readonly #options: EntryOptions;
  readonly #handshaking = new Set<net.Socket>();

  constructor(options: EntryOptions) {
    this.#options = options;
  }

  /** Serves one accepted socket to its end. */
  async serve(accepted: net.Socket): Promise<void> {
    const from = canonicalHost(accepted.remoteAddress ?? '');
    const gone = new AbortController();
    const inner = SocketEndpoint.accept(accepted, this.#options.share);
    const client = new EarlyEndpoint(inner, (error) => gone.abort(error));
    const tooLate = (): DepotError => new DepotError('timed-out', 'the handshake took too long');
    const limit = deadline(this.#options.handshakeMs, tooLate, gone.signal);
    this.#handshaking.add(inner.socket);
    let welcomed: Welcomed | undefined;
    try {
      welcomed = await this.#shakeHands(client, from, limit.signal);
    } catch (error) {
      this.#options.onTurnedAway?.(from, error instanceof Error ? error.message : String(error));
      if (limit.signal.aborted) inner.socket.destroy();
      else this.#seeOff(client, inner.socket);
      return;
    } finally {
      limit.clear();
      this.#handshaking.delete(inner.socket);
    }
    const { command, destination } = welcomed.request;
    await this.#options.streams.carry(
      { command, destination, user: welcomed.user, from },
      {
        stream: client,
        signal: gone.signal,
        answer: (outcome) => {
          if (!(outcome instanceof DepotError)) {
            client.write([encodeReply(Reply.succeeded, outcome.bound)], ignore);
            return;
          }
          client.write([encodeReply(outcome.reply)], ignore);
          this.#seeOff(client, inner.socket);
        },
      },
    );
  }

  /** Ends everybody who has not made a request yet. */
  close(): void {
    for (const socket of this.#handshaking) socket.destroy();
  }

  /** Drives the table. Rejects with why there will be no request; what the client has to be told is written by then. */
  async #shakeHands(client: EarlyEndpoint, from: string, signal: AbortSignal): Promise<Welcomed> {
    const { authenticate, anonymous } = this.#options;
    let state: HandshakeState = 'greeting';
    let user: string | undefined;
    let event: HandshakeEvent = { type: 'bytes', bytes: client.early };
    for (;;) {
      const step = advance(state, event, { anonymous });
      const stuck = step.taken === 0 && step.effects.length === 0;
      state = step.state;
      client.consume(step.taken);
      let verdict: boolean | undefined;
      for (const effect of step.effects) {
        if (effect.do === 'write') client.write([effect.bytes], ignore);
        else if (effect.do === 'close') throw new DepotError('malformed-request', effect.why);
        else if (effect.do === 'request') return { request: effect.request, user };
        else {
          user = effect.credentials.username;
          verdict = await orAborted(authenticate(effect.credentials, from, signal), signal);
        }
      }
      if (stuck && readsBytes(state) && !(await orAborted(client.more(), signal))) {
        throw new DepotError('malformed-request', 'the client closed before its request was complete');
      }
      event = verdict === undefined ? { type: 'bytes', bytes: client.early } : { type: 'verified', accepted: verdict };
    }
  }

  /** The last word was written: ends our side, reads on so that it arrives, and does not wait for ever. */
  #seeOff(client: EarlyEndpoint, socket: net.Socket): void {
    client.discard();
    client.end();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  }
}

const ignore = (): void => undefined;
