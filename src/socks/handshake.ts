// The server's side of the SOCKS5 handshake as one transition table: bytes and verdicts in, effects out.
// Knows no socket and no user; whoever drives it writes what it says and asks what it asks. Pure.

import { Reply } from '../errors.ts';
import {
  type Credentials,
  decodeCredentials,
  decodeGreeting,
  decodeRequest,
  type Decoded,
  encodeAuthStatus,
  encodeMethod,
  encodeReply,
  Method,
  type SocksRequest,
} from './messages.ts';

/** Where a handshake stands. `verifying` and `requested` wait for an answer from outside; the last two are ends. */
export type HandshakeState = 'greeting' | 'credentials' | 'verifying' | 'request' | 'requested' | 'failed';

export type HandshakeEvent =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'verified'; readonly accepted: boolean };

/** What the driver has to do, in this order. */
export type HandshakeEffect =
  | { readonly do: 'write'; readonly bytes: Uint8Array }
  | { readonly do: 'verify'; readonly credentials: Credentials }
  | { readonly do: 'request'; readonly request: SocksRequest }
  | { readonly do: 'close'; readonly why: string };

export interface Step {
  readonly state: HandshakeState;
  /** Bytes taken from the front of a `bytes` event; the rest stays with the driver. */
  readonly taken: number;
  readonly effects: readonly HandshakeEffect[];
}

export interface HandshakeOptions {
  /** Whether authentication is off: a client need not say who it is. */
  readonly anonymous: boolean;
}

type Handler<E extends HandshakeEvent['type']> = (
  event: Extract<HandshakeEvent, { type: E }>,
  options: HandshakeOptions,
) => Step;
type Row = { readonly [E in HandshakeEvent['type']]?: Handler<E> };

/**
 * Authentication off: 0 where it is offered, for programs without credentials offer 2 as well (the JDK does) and
 * then send an empty password. Authentication on: 2 or nothing (RFC 1928, section 3).
 */
const chooseMethod = (offered: readonly number[], { anonymous }: HandshakeOptions): Method => {
  if (anonymous && offered.includes(Method.none)) return Method.none;
  if (offered.includes(Method.password)) return Method.password;
  return Method.noneAcceptable;
};

const fail = (taken: number, why: string, ...answer: Uint8Array[]): Step => ({
  state: 'failed',
  taken,
  effects: [...answer.map((bytes) => ({ do: 'write', bytes }) as const), { do: 'close', why }],
});

const reading =
  <T>(
    state: HandshakeState,
    decode: (bytes: Uint8Array) => Decoded<T>,
    next: (message: T, taken: number, options: HandshakeOptions) => Step,
    refuse: (reply: Reply) => Uint8Array[],
  ): Handler<'bytes'> =>
  ({ bytes }, options) => {
    const decoded = decode(bytes);
    if (decoded.kind === 'need-more') return { state, taken: 0, effects: [] };
    if (decoded.kind === 'bad') return fail(bytes.length, decoded.why, ...refuse(decoded.reply));
    return next(decoded.message, decoded.taken, options);
  };

/** The whole handshake. An event without a place here is the driver's mistake and changes nothing. */
const TRANSITIONS: Readonly<Record<HandshakeState, Row>> = {
  greeting: {
    bytes: reading(
      'greeting',
      decodeGreeting,
      (offered, taken, options) => {
        const method = chooseMethod(offered, options);
        if (method === Method.noneAcceptable)
          return fail(taken, 'no acceptable authentication method', encodeMethod(method));
        const state = method === Method.password ? 'credentials' : 'request';
        return { state, taken, effects: [{ do: 'write', bytes: encodeMethod(method) }] };
      },
      () => [],
    ),
  },
  credentials: {
    bytes: reading(
      'credentials',
      decodeCredentials,
      (credentials, taken) => ({ state: 'verifying', taken, effects: [{ do: 'verify', credentials }] }),
      () => [encodeAuthStatus(false)],
    ),
  },
  verifying: {
    verified: ({ accepted }) =>
      accepted
        ? { state: 'request', taken: 0, effects: [{ do: 'write', bytes: encodeAuthStatus(true) }] }
        : fail(0, 'wrong user or password', encodeAuthStatus(false)),
  },
  request: {
    bytes: reading(
      'request',
      decodeRequest,
      (request, taken) => ({ state: 'requested', taken, effects: [{ do: 'request', request }] }),
      (reply) => [encodeReply(reply)],
    ),
  },
  requested: {},
  failed: {},
};

/** Whether bytes mean something in this state; where they do not, the driver keeps them. */
export const readsBytes = (state: HandshakeState): boolean => TRANSITIONS[state].bytes !== undefined;

/** One step. Throws on an event that the state has no place for. */
export const advance = (state: HandshakeState, event: HandshakeEvent, options: HandshakeOptions): Step => {
  const handler = TRANSITIONS[state][event.type] as Handler<typeof event.type> | undefined;
  if (handler === undefined) throw new Error(`a SOCKS handshake in state ${state} has no place for ${event.type}`);
  return handler(event, options);
};
