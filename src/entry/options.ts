// What the door and everybody behind it are handed: the rest of depot, as far as a client may meet it.

import type { FairShare } from '../net/fair-share.ts';
import type { Streams } from '../net/streams.ts';
import type { Credentials } from '../socks/messages.ts';

/** Says whether a client is who it claims to be. */
export type Authenticate = (credentials: Credentials, from: string, signal: AbortSignal) => Promise<boolean>;

export interface EntryOptions {
  readonly streams: Streams;
  readonly authenticate: Authenticate;
  /** Whether clients need not say who they are. */
  readonly anonymous: boolean;
  readonly share: FairShare;
  /** From being accepted to the request, in milliseconds. */
  readonly handshakeMs: number;
  /** How long an HTTP client may keep a connection between two requests, in milliseconds. */
  readonly httpIdleMs: number;
  /** What the operator says this host is called, where that was said. */
  readonly advertised: string | undefined;
  /** Called with why a client got no further than its handshake. */
  readonly onTurnedAway?: (from: string, why: string) => void;
}
