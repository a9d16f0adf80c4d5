// The web port: HTTP, or HTTPS where there is a certificate, with bounds on whoever is slow or many.

import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { CertificateFiles } from '../credentials/certificate-files.ts';
import type { WebAccess } from '../credentials/web-access.ts';
import { DepotError, errnoOf } from '../errors.ts';
import type { Inherited, Legacy } from '../net/listener.ts';
import type { Waiting, WaitingRoom } from '../net/waiting-room.ts';
import { canonicalHost } from '../socks/address.ts';
import type { Watched } from './admin-api.ts';
import { createApi } from './http-api.ts';
import { loadPages, type PublicFile } from './pages.ts';
import { Sessions } from './sessions.ts';
import { createWebApp, setSecurityHeaders } from './web-app.ts';

export interface WebServerOptions extends Watched {
  readonly access: WebAccess;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Followed when it changes; undefined for plain HTTP. */
  readonly certificate: CertificateFiles | undefined;
  /** Names that it is asked for with, besides addresses and `localhost`; asked for each time. */
  readonly names: () => readonly string[];
  /** After so long without use a session is over, in milliseconds; asked for each time. */
  readonly idleMs: () => number;
  /** Where the built dashboard is. */
  readonly directory: string;
  readonly pac: PublicFile | undefined;
  /** How many connections there may be at a time. */
  readonly connectionsMax: number;
  /** Those of them who have not logged in. */
  readonly strangers: WaitingRoom;
  readonly onWrongPassword: (from: string) => void;
  /** The port, where another process hands it over. */
  readonly inherited: Inherited | undefined;
}

/** How long a browser may take for a whole request, of which a body is 64 KiB at most, in milliseconds. */
const REQUEST_MS = 10_000;
const LIMITS = {
  headersTimeout: REQUEST_MS,
  requestTimeout: REQUEST_MS,
  // Node looks every 30 s otherwise, and whoever says nothing may stay as long.
  connectionsCheckingInterval: 1000,
  keepAliveTimeout: 10_000,
  maxHeaderSize: 16 * 1024,
};
const EXPIRE_EVERY_MS = 10_000;

export class WebServer {
  readonly #server: http.Server;
  readonly #sessions: Sessions;
  readonly #timer: NodeJS.Timeout;
  readonly #options: Pick<WebServerOptions, 'host' | 'port'>;
  readonly port: number;

  private constructor(
    server: http.Server,
    sessions: Sessions,
    options: Pick<WebServerOptions, 'host' | 'port'>,
    port: number,
  ) {
    this.#server = server;
    this.#sessions = sessions;
    this.#options = options;
    this.port = port;
    this.#timer = setInterval(() => sessions.expire(), EXPIRE_EVERY_MS);
  }

  /** Rejects with `address-in-use` or `invalid-config`. */
  static async listen({
    certificate,
    host,
    port,
    names,
    connectionsMax,
    strangers,
    inherited,
    ...options
  }: WebServerOptions): Promise<WebServer> {
    const server = certificate === undefined ? http.createServer(LIMITS) : secureServer(certificate);
    server.maxConnections = connectionsMax;
    const doorkeeper = keepDoor(server, strangers);
    if (inherited === undefined) await bind(server, host, port);
    else inherited.whenHanded((handle) => server.listen(handle));
    const sessions = new Sessions(options.idleMs);
    const secure = certificate !== undefined;
    const actualPort = inherited?.address.port ?? (server.address() as AddressInfo).port;
    const app = createWebApp({
      api: createApi(options),
      pages: loadPages(options.directory),
      pac: options.pac,
      access: options.access,
      sessions,
      names,
      // Cookies know no ports: two servers on one host must not log each other out.
      cookie: `${secure ? '__Host-' : ''}depot-${actualPort}`,
      secure,
      ready: () => server.listening,
      onWrongPassword: options.onWrongPassword,
      onKnown: doorkeeper,
    });
    const listener = getRequestListener(app.fetch);
    server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
      setSecurityHeaders(response, secure);
      void listener(request, response);
    });
    return new WebServer(server, sessions, { host, port }, actualPort);
  }

  /** What another process needs to know to listen in our place. */
  get legacy(): Legacy {
    const { host, port } = this.#options;
    return { host, port, purpose: 'web', address: { host, port: this.port }, server: this.#server };
  }

  /** Everybody has to log in again. */
  endSessions(): void {
    this.#sessions.endAll();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#sessions.endAll();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Lets every connection wait as a stranger's until it is told, by where it comes from, that it is none. */
const keepDoor = (server: http.Server, strangers: WaitingRoom): ((address: string, port: number) => void) => {
  const waiting = new Map<string, Waiting>();
  const keyOf = (address: string, port: number): string => `${address} ${port}`;
  server.on('connection', (socket: net.Socket) => {
    const { remoteAddress = '', remotePort: port = 0 } = socket;
    const from = canonicalHost(remoteAddress);
    const stranger = { from, destroy: () => void socket.destroy() };
    waiting.set(keyOf(from, port), stranger);
    strangers.enter(stranger);
    socket.once('close', () => {
      waiting.delete(keyOf(from, port));
      strangers.leave(stranger);
    });
  });
  return (address, port) => {
    const known = waiting.get(keyOf(address, port));
    if (known !== undefined) strangers.leave(known);
  };
};

/** Whoever is connected keeps the certificate that it was shown. */
const secureServer = (files: CertificateFiles): http.Server => {
  const contextOf = ({ certificate, privateKey }: CertificateFiles['pair']): https.ServerOptions => ({
    cert: certificate,
    key: privateKey,
    minVersion: 'TLSv1.2',
  });
  const server = https.createServer({ ...LIMITS, ...contextOf(files.pair) });
  files.onChange((pair) => server.setSecureContext(contextOf(pair)));
  return server;
};

const bind = (server: http.Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const errno = errnoOf(cause);
      reject(
        errno === 'EADDRINUSE'
          ? new DepotError(
              'address-in-use',
              `Another program listens on the web port ${port} on ${host}. Stop it, choose another port with --web-port, or do without the page (on a server with --web-disabled).`,
              { cause },
            )
          : new DepotError(
              'invalid-config',
              `Cannot listen on the web port ${port} on ${host}: ${errno ?? cause.message}. Check --web-host and --web-port.`,
              { cause },
            ),
      );
    });
    server.listen({ host, port }, resolve);
  });
