// HTTP at the door, by the platform's own parser: CONNECT becomes a stream like any other, a request in absolute-form
// is forwarded, and who asks for this port itself gets the PAC file or is told what this is.

import http from 'node:http';
import type { Duplex } from 'node:stream';
import { asDepotError, DepotError, errnoOf } from '../errors.ts';
import { orAborted } from '../net/dial.ts';
import { EndpointStream } from '../net/endpoint-stream.ts';
import type { Credentials } from '../socks/messages.ts';
import { type Forwarding, forward } from './http-forward.ts';
import { type Refusal, refuse, refusalText } from './http-refusal.ts';
import { parseAbsoluteForm, parseAuthority } from './http-target.ts';
import type { EntryOptions } from './options.ts';
import { PAC_HEADERS, PAC_PATH, pacFor, pacProxyOf } from './pac.ts';
import type { Visitor } from './visitor.ts';
import { isSentByPage, maybeFromWebPage } from './web-page.ts';

/** A connection that speaks HTTP. */
interface Guest {
  readonly visitor: Visitor;
  readonly stream: EndpointStream;
  /** Requests that were let in and are not answered to the end. */
  active: number;
  /** The connection is not HTTP any more. */
  left: boolean;
}

/** Who asks, as far as that had to be said. */
type Asker = Pick<Forwarding, 'user' | 'anonymous'>;

const WHAT_THIS_IS =
  'This is the entry of depot: a SOCKS5 and HTTP proxy, not a web site. Set it as the proxy of your program; ' +
  `browsers find their settings at ${PAC_PATH}.`;

const NEEDS_PASSWORD: Refusal = {
  status: 407,
  why: 'depot wants a user name and a password',
  headers: ['Proxy-Authenticate', 'Basic realm="depot", charset="UTF-8"'],
};
const WRONG_PASSWORD: Refusal = { ...NEEDS_PASSWORD, why: 'wrong user or password' };
const PAC_NEEDS_PASSWORD: Refusal = {
  status: 401,
  why: 'the PAC file of a user wants its name and password; without ?login there is one for everybody',
  headers: ['WWW-Authenticate', 'Basic realm="depot", charset="UTF-8"'],
};
const NO_TARGET: Refusal = {
  status: 400,
  why: 'depot forwards http://HOST:PORT/PATH and CONNECT HOST:PORT',
  closes: true,
};
const NOT_FOR_PAGES: Refusal = {
  status: 403,
  why: 'this port is for the programs of this machine, and answers no web page and no name but localhost',
  closes: true,
};
const TOO_LONG: Refusal = { status: 431, why: 'the head of the request is too long' };
const NO_HTTP: Refusal = { status: 400, why: 'this is no HTTP' };
const NOT_NOW: Refusal = { status: 400, why: 'a tunnel cannot begin while another request is being answered' };

export class HttpProxy {
  readonly #options: EntryOptions;
  readonly #server: http.Server;
  readonly #guests = new WeakMap<Duplex, Guest>();

  constructor(options: EntryOptions) {
    this.#options = options;
    // It never listens: every connection is handed to it, and the door keeps the time.
    this.#server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0, shouldUpgradeCallback: isWebSocket });
    // A field that is dropped for being one too many may be the one that says how long the body is. Bytes are limited.
    this.#server.maxHeadersCount = 0;
    const onRequest: http.RequestListener = (request, response) =>
      this.#watch(request.socket, this.#request(request, response));
    this.#server.on('request', onRequest);
    this.#server.on('checkContinue', onRequest);
    this.#server.on('connect', (request, stream, head) => this.#watch(stream, this.#connect(request, stream, head)));
    this.#server.on('upgrade', (request, stream, head) => this.#watch(stream, this.#upgrade(request, stream, head)));
    this.#server.on('clientError', (error, stream) => this.#malformed(error, stream));
  }

  /** One request must never take other connections with it, whatever we did not foresee. */
  #watch(stream: Duplex, serving: Promise<void>): void {
    serving.catch((error: unknown) => {
      this.#options.onTurnedAway?.(this.#guestOf(stream).visitor.from, asDepotError(error, 'internal'));
      stream.destroy();
    });
  }

  /** Takes the connection over. Rejects where no request was let in before the time was over. */
  async serve(visitor: Visitor): Promise<void> {
    const stream = new EndpointStream(visitor.client);
    const guest: Guest = { visitor, stream, active: 0, left: false };
    const first = Promise.withResolvers<void>();
    this.#guests.set(stream, guest);
    stream.once('finish', () => {
      if (!guest.left) visitor.linger();
    });
    stream.once('close', first.resolve);
    stream.on('error', () => undefined);
    visitor.limit.addEventListener('abort', () => first.reject(visitor.limit.reason));
    visitor.gone.addEventListener('abort', () => stream.destroy(visitor.gone.reason as Error));
    this.#server.emit('connection', stream);
    await first.promise;
  }

  async #request(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const guest = this.#guestOf(request.socket);
    const { url = '' } = request;
    if (url.startsWith('/')) {
      await this.#self(guest, request, response);
      return;
    }
    const target = parseAbsoluteForm(url);
    if (target === undefined) {
      refuse(response, NO_TARGET);
      return;
    }
    const allowed = await this.#authorize(guest, request.headers['proxy-authorization']);
    if (allowed === undefined) {
      refuse(response, notLetIn(request));
      return;
    }
    this.#begin(guest, response);
    await forward({ ...this.#asked(guest, allowed), target, request, response });
  }

  async #upgrade(request: http.IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    const guest = this.#guestOf(stream);
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(stream as EndpointStream & typeof request.socket);
    response.once('finish', () => {
      if (!guest.left) stream.end();
    });
    stream.on('drain', () => response.emit('drain'));
    const target = parseAbsoluteForm(request.url ?? '');
    const allowed = target && (await this.#authorize(guest, request.headers['proxy-authorization']));
    if (target === undefined || guest.active > 0) refuse(response, target === undefined ? NO_TARGET : NOT_NOW);
    else if (allowed === undefined) refuse(response, notLetIn(request));
    else {
      this.#begin(guest, response);
      const onUpgrade = (): Duplex => {
        guest.left = true;
        response.detachSocket(request.socket);
        stream.unshift(head);
        return stream;
      };
      await forward({ ...this.#asked(guest, allowed), target, request, response, onUpgrade });
    }
  }

  async #connect(request: http.IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    const guest = this.#guestOf(stream);
    const { visitor } = guest;
    const destination = parseAuthority(request.url ?? '');
    const allowed = destination && (await this.#authorize(guest, request.headers['proxy-authorization']));
    if (guest.stream.destroyed) return;
    guest.left = true;
    const client = guest.stream.detach(head);
    const say = (text: string): void => client.write([Buffer.from(text)], () => undefined);
    const turnAway = (refusal: Refusal): void => {
      say(refusalText(refusal));
      visitor.seeOff();
    };
    if (destination === undefined || guest.active > 0) turnAway(destination === undefined ? NO_TARGET : NOT_NOW);
    else if (allowed === undefined) turnAway(notLetIn(request));
    else {
      visitor.admit();
      await this.#options.streams.carry(
        { command: 'connect', destination, from: visitor.from, ...allowed },
        {
          stream: client,
          signal: visitor.gone,
          answer: (outcome) => {
            if (outcome instanceof DepotError) turnAway(outcome.http);
            else say('HTTP/1.1 200 Connection established\r\n\r\n');
          },
        },
      );
    }
  }

  /** Somebody asks for this port itself. */
  async #self(
    guest: Guest,
    { method, url, headers }: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> {
    if (this.#options.forThisMachine && maybeFromWebPage(headers)) {
      refuse(response, NOT_FOR_PAGES);
      return;
    }
    const [path, query] = url?.split('?') ?? [];
    if (path !== PAC_PATH || (method !== 'GET' && method !== 'HEAD')) {
      refuse(response, { status: 404, why: WHAT_THIS_IS, closes: true });
      return;
    }
    const reader = await this.#pacReader(guest, headers, query);
    if ('status' in reader) {
      refuse(response, reader);
      return;
    }
    const { advertised, pacRules } = this.#options;
    const { own, isSecure } = guest.visitor;
    const proxy = pacProxyOf({ hostHeader: headers.host, advertised, own, secure: isSecure });
    const text = pacFor(proxy, pacRules(reader.user));
    response.writeHead(200, { ...PAC_HEADERS, 'Content-Length': Buffer.byteLength(text), 'Connection': 'close' });
    response.end(text);
  }

  /** For whom the PAC file is: for everybody, as there is nothing secret in it then, or for a user who says so. */
  async #pacReader(
    guest: Guest,
    headers: http.IncomingHttpHeaders,
    query: string | undefined,
  ): Promise<{ readonly user: string | undefined } | Refusal> {
    const { authorization } = headers;
    if (this.#options.forThisMachine) return { user: undefined };
    if (authorization === undefined) return query === 'login' ? PAC_NEEDS_PASSWORD : { user: undefined };
    // A browser that remembers the password would lend it to any web page.
    if (isSentByPage(headers)) return NOT_FOR_PAGES;
    return (await this.#authorize(guest, authorization)) ?? PAC_NEEDS_PASSWORD;
  }

  /** Who asks; undefined where that was not said, or is not true. */
  async #authorize({ visitor: { from, limit } }: Guest, authorization: string | undefined): Promise<Asker | undefined> {
    const { authenticate, settings, onTurnedAway } = this.#options;
    const credentials = basicCredentials(authorization);
    if (credentials === undefined) return settings.allowAnonymous ? { user: undefined, anonymous: true } : undefined;
    const accepted = await orAborted(authenticate(credentials, from, limit), limit);
    if (accepted) return { user: credentials.username, anonymous: false };
    onTurnedAway?.(from, new DepotError('not-allowed', 'wrong user or password'));
    return undefined;
  }

  #asked({ visitor }: Guest, asker: Asker): Asker & Pick<Forwarding, 'streams' | 'from'> {
    return { streams: this.#options.streams, from: visitor.from, ...asker };
  }

  /** A request is let in. When its answer is through, the client may ask for more. */
  #begin(guest: Guest, response: http.ServerResponse): void {
    guest.active += 1;
    guest.visitor.admit();
    response.once('close', () => {
      guest.active -= 1;
      const stays = guest.active === 0 && !guest.left && !guest.stream.writableEnded && !guest.stream.destroyed;
      if (stays) guest.visitor.expectAnother(this.#options.settings.httpIdleMs);
    });
  }

  #malformed(error: Error, stream: Duplex): void {
    const guest = this.#guestOf(stream);
    if (guest.left || stream.destroyed) return;
    this.#options.onTurnedAway?.(guest.visitor.from, asDepotError(error, 'malformed-request'));
    if (guest.active > 0 || !stream.writable) stream.destroy(error);
    else stream.end(refusalText(errnoOf(error) === 'HPE_HEADER_OVERFLOW' ? TOO_LONG : NO_HTTP));
  }

  #guestOf(stream: Duplex): Guest {
    const guest = this.#guests.get(stream);
    if (guest === undefined) throw new DepotError('internal', 'a connection that nobody handed to the HTTP proxy');
    return guest;
  }
}

/**
 * The one upgrade that is passed on; every other one is left out, as the standard lets us (RFC 9110, section 7.8). It is
 * a GET without a body (RFC 6455, section 4.1): one with a body would come as a stream that is not the visitor's.
 */
const isWebSocket = ({ method, headers, url = '' }: http.IncomingMessage): boolean =>
  method === 'GET' &&
  headers['content-length'] === undefined &&
  headers['transfer-encoding'] === undefined &&
  headers.upgrade?.toLowerCase() === 'websocket' &&
  !url.startsWith('/');

const notLetIn = ({ headers }: http.IncomingMessage): Refusal =>
  headers['proxy-authorization'] === undefined ? NEEDS_PASSWORD : WRONG_PASSWORD;

/** RFC 7617. */
const basicCredentials = (header: string | undefined): Credentials | undefined => {
  const encoded = /^basic +(?<encoded>[\w+/=-]+) *$/i.exec(header ?? '')?.groups?.['encoded'];
  const text = Buffer.from(encoded ?? '', 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
};
