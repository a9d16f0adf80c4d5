// TLS for the link: version 1.3, both sides known by their keys. There is no CA: after the handshake each side
// looks at the other's key itself, and before that nothing is sent.

import { constants } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { DepotError, dialError, errnoOf } from '../errors.ts';
import { dial, orAborted, type Resolve } from './dial.ts';
import { type Identity, peerFingerprint } from './identity.ts';

/** AES-128-GCM is the fastest where there is hardware for it, which is nearly everywhere. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384';

const contextOf = (identity: Identity): tls.SecureContext =>
  tls.createSecureContext({
    key: identity.privateKey,
    cert: identity.certificate,
    minVersion: 'TLSv1.3',
    ciphers: CIPHERS,
  });

/** A secured connection and who is at its other end. */
export interface SecurePeer {
  readonly socket: tls.TLSSocket;
  readonly fingerprint: string;
}

/** The server's side. Keeps one context for all connections. */
export class TlsAcceptor {
  readonly #context: tls.SecureContext;

  constructor(identity: Identity) {
    this.#context = contextOf(identity);
  }

  /** Shakes hands. Rejects, the socket destroyed, on anything but TLS 1.3 with a client key, or when `signal` aborts. */
  accept(socket: net.Socket, signal: AbortSignal): Promise<SecurePeer> {
    const secure = new tls.TLSSocket(socket, {
      isServer: true,
      secureContext: this.#context,
      requestCert: true,
      // Node would look for a CA; the fingerprint is what counts.
      rejectUnauthorized: false,
    });
    return settle(secure, 'secure', signal, () => {
      const fingerprint = peerFingerprint(secure);
      if (fingerprint === undefined)
        throw new DepotError('protocol-violation', 'a TLS client without a key of its own');
      return { socket: secure, fingerprint };
    });
  }
}

/** A certificate, with those that lead to its CA, and its key; both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** The side of the server that clients meet: the world's TLS, 1.2 or newer, no key asked of them. */
export class ClientTls {
  #context: tls.SecureContext;

  /** Throws where the key is not the certificate's, or one of them is none. */
  constructor(pair: KeyPair) {
    this.#context = clientContextOf(pair);
  }

  /** Shows another certificate from now on; whoever is connected keeps the old one. Throws as the constructor does. */
  use(pair: KeyPair): void {
    this.#context = clientContextOf(pair);
  }

  /** Shakes hands. Rejects, the socket destroyed, where that fails or `signal` aborts. */
  accept(socket: net.Socket, signal: AbortSignal): Promise<tls.TLSSocket> {
    const options: tls.TLSSocketOptions & { readonly allowHalfOpen: boolean } = {
      isServer: true,
      secureContext: this.#context,
      ALPNProtocols: ['http/1.1'],
      allowHalfOpen: true,
    };
    const secure = new tls.TLSSocket(socket, options);
    return settle(secure, 'secure', signal, () => secure);
  }
}

/** Throws where the key is not the certificate's, or one of them is none. */
export const requirePair = (pair: KeyPair): void => {
  clientContextOf(pair);
};

const clientContextOf = ({ certificate, privateKey }: KeyPair): tls.SecureContext =>
  tls.createSecureContext({
    cert: certificate,
    key: privateKey,
    minVersion: 'TLSv1.2',
    // A client that renegotiates makes the server work for nothing.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    honorCipherOrder: true,
  });

export interface DialTlsOptions {
  readonly host: string;
  readonly port: number;
  /** The only key that the server may have. */
  readonly fingerprint: string;
  /** The fingerprint is that of a join link which was not used yet. */
  readonly joining?: boolean;
  readonly resolve: Resolve;
  readonly signal: AbortSignal;
}

/** Local's side. Rejects with `identity-mismatch` where the server has another key than the one that was pinned. */
export class TlsDialer {
  readonly #context: tls.SecureContext;

  constructor(identity: Identity) {
    this.#context = contextOf(identity);
  }

  async dial({ host, port, fingerprint, joining = false, resolve, signal }: DialTlsOptions): Promise<tls.TLSSocket> {
    const hosts = await orAborted(resolve(host), signal);
    const { socket } = await dial(hosts, port, { signal, open: (address) => ({ socket: net.connect(address) }) });
    // rejectUnauthorized: as above, the fingerprint counts, and it is checked before anything is sent.
    const secure = tls.connect({ socket, secureContext: this.#context, rejectUnauthorized: false });
    const settled = settle(secure, 'secureConnect', signal, () => {
      if (peerFingerprint(secure) === fingerprint) return secure;
      throw new DepotError('identity-mismatch', `${host}:${port} ${joining ? NOT_OF_LINK : NOT_JOINED}`);
    });
    return settled.catch((error: DepotError) => {
      if (error.code !== 'protocol-violation') throw error;
      const why = `${host}:${port} does not speak TLS as the control port of a depot server does; is the port right? (${error.message})`;
      throw new DepotError(error.code, why, { cause: error });
    });
  }
}

const NOT_OF_LINK =
  'has another key than the one in this link. Give the link exactly as the server printed it; if that is what you did, it is of another server, or somebody stands in between.';
const NOT_JOINED =
  'has another key than the server that was joined. Either somebody stands in between, or the server was set up anew: then join again with a new link.';

const settle = <T>(
  socket: tls.TLSSocket,
  event: 'secure' | 'secureConnect',
  signal: AbortSignal,
  check: () => T,
): Promise<T> =>
  new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('close', onClose);
      socket.on('error', ignore);
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    const onClose = (): void =>
      fail(new DepotError('connection-lost', 'the connection was closed during the TLS handshake'));
    const onError = (error: Error): void =>
      fail(
        errnoOf(error)?.startsWith('E') === true && !errnoOf(error)?.startsWith('ERR_')
          ? dialError(error, 'TLS handshake')
          : new DepotError('protocol-violation', `the TLS handshake failed: ${reasonOf(error)}`, { cause: error }),
      );
    socket.once('error', onError);
    socket.once('close', onClose);
    socket.once(event, () => {
      socket.off('error', onError);
      try {
        const result = check();
        signal.removeEventListener('abort', onAbort);
        socket.off('close', onClose);
        resolve(result);
      } catch (error) {
        fail(error);
      }
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });

/** OpenSSL's message has its source lines in it; its reason is what a person needs. */
const reasonOf = (error: Error & { readonly reason?: string }): string => error.reason ?? error.message;

const ignore = (): void => undefined;
