// What the door and everybody behind it are handed: the rest of depot, as far as a client may meet it.

import type { DepotError } from '../errors.ts';
import type { BufferPool } from '../link/buffer-pool.ts';
import type { AssociateOptions } from './client-datagrams.ts';
import type { Descriptors } from '../net/descriptors.ts';
import type { FairShare } from '../net/fair-share.ts';
import type { Streams } from '../net/streams.ts';
import type { ClientTls } from '../net/tls.ts';
import type { OrderedRule } from '../rules/ordered.ts';
import type { Credentials } from '../socks/messages.ts';

/** Says whether a client is who it claims to be. */
export type Authenticate = (credentials: Credentials, from: string, signal: AbortSignal) => Promise<boolean>;

/** Read whenever they are needed. */
interface EntrySettings {
  /** Whether clients need not say who they are. */
  readonly allowAnonymous: boolean;
  /** How many may wait at the door, in all and of one address. */
  readonly strangersMax: number;
  readonly strangersPerAddressMax: number;
  /** From being accepted to the request, in milliseconds. */
  readonly handshakeMs: number;
  /** How long an HTTP client may keep a connection between two requests, in milliseconds. */
  readonly httpIdleMs: number;
}

export interface EntryOptions {
  readonly settings: EntrySettings;
  readonly streams: Streams;
  readonly associate: AssociateOptions;
  readonly authenticate: Authenticate;
  readonly share: FairShare;
  readonly descriptors: Descriptors;
  /** How TLS is spoken, and where decrypted bytes wait. */
  readonly tls: { readonly acceptor: ClientTls; readonly pool: BufferPool };
  /** What the operator says this host is called, where that was said. */
  readonly advertised: string | undefined;
  /**
   * Whether this port is for the programs of this machine alone. A web page can make a browser send requests to a
   * loopback port; with this, what asks for the port itself is answered only where no page can have sent it.
   */
  readonly forThisMachine: boolean;
  /** What a browser sends here besides `*.depot`; undefined for somebody who did not say who they are. */
  readonly pacRules: (user: string | undefined) => readonly OrderedRule[];
  /** Called with why a client got no further than its handshake. */
  readonly onTurnedAway?: (from: string, error: DepotError) => void;
}
