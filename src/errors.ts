// Every failure that depot knows by name, and the two tables that say it to a client: as a SOCKS reply and in HTTP.
// Knows nothing of sockets: it is the floor of the house, everything may import it.

/** REP values of RFC 1928, section 6. */
export const Reply = {
  succeeded: 0x00,
  generalFailure: 0x01,
  notAllowed: 0x02,
  networkUnreachable: 0x03,
  hostUnreachable: 0x04,
  connectionRefused: 0x05,
  ttlExpired: 0x06,
  commandNotSupported: 0x07,
  addressTypeNotSupported: 0x08,
} as const;
export type Reply = (typeof Reply)[keyof typeof Reply];

/**
 * The stable codes of a `DepotError`, each with the SOCKS reply that a client gets for it; in HTTP it is `HTTP_BY_CODE`.
 * A code never changes its meaning; programs branch on it, nobody branches on a message.
 */
const REPLY_BY_CODE = {
  // What happened when local dialed the app.
  'connection-refused': Reply.connectionRefused,
  'host-unreachable': Reply.hostUnreachable,
  'network-unreachable': Reply.networkUnreachable,
  'name-unknown': Reply.hostUnreachable,
  'dial-timeout': Reply.hostUnreachable,
  'dial-failed': Reply.generalFailure,
  // What either end forbids.
  'not-allowed': Reply.notAllowed,
  'too-many-streams': Reply.notAllowed,
  'quota-exceeded': Reply.notAllowed,
  'limit-reached': Reply.generalFailure,
  // Where a request could go.
  'no-such-local': Reply.generalFailure,
  'local-away': Reply.generalFailure,
  'local-lost': Reply.generalFailure,
  'server-away': Reply.generalFailure,
  'no-route': Reply.generalFailure,
  // What a client may ask.
  'command-unsupported': Reply.commandNotSupported,
  'address-type-unsupported': Reply.addressTypeNotSupported,
  'malformed-request': Reply.generalFailure,
  // How a stream or a connection ended before its time.
  'aborted': Reply.generalFailure,
  'connection-lost': Reply.generalFailure,
  'timed-out': Reply.generalFailure,
  'protocol-violation': Reply.generalFailure,
  'stopped': Reply.generalFailure,
  // How the link refused or ended a local or a client.
  'identity-mismatch': Reply.generalFailure,
  'unknown-local': Reply.generalFailure,
  'unknown-client': Reply.generalFailure,
  'revoked': Reply.generalFailure,
  'replaced': Reply.generalFailure,
  'version-mismatch': Reply.generalFailure,
  'invitation-invalid': Reply.generalFailure,
  // What an operator got wrong.
  'invalid-config': Reply.generalFailure,
  'invalid-argument': Reply.generalFailure,
  'conflict': Reply.generalFailure,
  'not-found': Reply.generalFailure,
  'unusable-home': Reply.generalFailure,
  'address-in-use': Reply.generalFailure,
  'internal': Reply.generalFailure,
} as const satisfies Record<string, Reply>;

/** A stable, documented name of a failure. */
export type ErrorCode = keyof typeof REPLY_BY_CODE;

/** How a failure is said in HTTP: the status, and why in plain words, which tell no more than REP does. */
export interface HttpFailure {
  readonly status: 400 | 403 | 500 | 502 | 503 | 504;
  readonly why: string;
}

const LINK_FAILED: HttpFailure = { status: 502, why: 'the way to the local failed' };
const OURS: HttpFailure = { status: 500, why: 'depot itself failed; its log says more' };

/** The same truth for clients that speak HTTP. 502 and 504: the app's side. 503: depot's side, may work later. */
const HTTP_BY_CODE: Readonly<Record<ErrorCode, HttpFailure>> = {
  'connection-refused': { status: 502, why: 'the app refused the connection: nothing listens there' },
  'host-unreachable': { status: 502, why: 'the host is unreachable from the local' },
  'network-unreachable': { status: 502, why: 'the network is unreachable from the local' },
  'name-unknown': { status: 502, why: 'the local does not know the name' },
  'dial-timeout': { status: 504, why: 'the app did not answer in time' },
  'dial-failed': { status: 502, why: 'the local could not connect to the app' },
  'not-allowed': { status: 403, why: 'not allowed for this user, or by the rules of the local' },
  'too-many-streams': { status: 403, why: 'this user has as many streams as it may have at once' },
  'quota-exceeded': { status: 403, why: 'this user has used up its bytes of this month' },
  'limit-reached': { status: 503, why: 'there are too many of these at the moment' },
  'no-such-local': { status: 502, why: 'there is no such local' },
  'local-away': { status: 503, why: 'the local is not connected' },
  'local-lost': { status: 503, why: 'the local went away' },
  'server-away': { status: 503, why: 'this client has no connection to its server' },
  'no-route': { status: 503, why: 'no local can be chosen: name one in the host, as in nas.depot' },
  'command-unsupported': { status: 400, why: 'this cannot be done' },
  'address-type-unsupported': { status: 400, why: 'this kind of address is not supported' },
  'malformed-request': { status: 400, why: 'the request is malformed' },
  'aborted': { status: 502, why: 'the connection to the app was aborted' },
  'connection-lost': LINK_FAILED,
  'timed-out': { status: 504, why: 'the local did not answer in time' },
  'protocol-violation': LINK_FAILED,
  'stopped': { status: 503, why: 'depot is stopping, or the stream was ended by its operator' },
  'identity-mismatch': LINK_FAILED,
  'unknown-local': LINK_FAILED,
  'unknown-client': LINK_FAILED,
  'revoked': LINK_FAILED,
  'replaced': LINK_FAILED,
  'version-mismatch': LINK_FAILED,
  'invitation-invalid': LINK_FAILED,
  'invalid-config': OURS,
  'invalid-argument': OURS,
  'conflict': OURS,
  'not-found': OURS,
  'unusable-home': OURS,
  'address-in-use': OURS,
  'internal': OURS,
};

/** Every error that depot raises on purpose. `message` is one plain sentence for a person; `code` is for programs. */
export class DepotError extends Error {
  override readonly name = 'DepotError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** The SOCKS reply (REP) that a client gets for this failure. */
  get reply(): Reply {
    return REPLY_BY_CODE[this.code];
  }

  /** What an HTTP client gets for this failure. */
  get http(): HttpFailure {
    return HTTP_BY_CODE[this.code];
  }
}

export const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(REPLY_BY_CODE, value);

/** Every code there is; docs/troubleshooting.md has a line for each. */
export const ERROR_CODES: readonly ErrorCode[] = Object.keys(REPLY_BY_CODE).filter((code) => isErrorCode(code));

/** What the operating system says, in depot's words. */
const CODE_BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'connection-refused',
  ECONNRESET: 'connection-refused',
  EHOSTUNREACH: 'host-unreachable',
  EHOSTDOWN: 'host-unreachable',
  ENETUNREACH: 'network-unreachable',
  ENETDOWN: 'network-unreachable',
  EADDRNOTAVAIL: 'network-unreachable',
  EAFNOSUPPORT: 'network-unreachable',
  ETIMEDOUT: 'dial-timeout',
  EACCES: 'not-allowed',
  EPERM: 'not-allowed',
  EMFILE: 'limit-reached',
  ENFILE: 'limit-reached',
  ENOTFOUND: 'name-unknown',
  ENODATA: 'name-unknown',
  EAI_AGAIN: 'name-unknown',
  EAI_FAIL: 'name-unknown',
};

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** Names a failed dial: an errno from the table, anything else is `dial-failed`. */
export const dialError = (error: unknown, target: string): DepotError => {
  if (error instanceof DepotError) return error;
  const errno = errnoOf(error);
  const code = (errno !== undefined && CODE_BY_ERRNO[errno]) || 'dial-failed';
  return new DepotError(code, `${target}: ${errno ?? String(error)}`, { cause: error });
};

/** The plain sentence in any thrown value. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Any thrown value as a DepotError, under `code` when it is not one yet. */
export const asDepotError = (error: unknown, code: ErrorCode): DepotError =>
  error instanceof DepotError ? error : new DepotError(code, messageOf(error), { cause: error });
