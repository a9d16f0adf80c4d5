// Forwards one HTTP request to its app and the answer back. A request is a stream of its own: no connection to an app is
// shared between requests, so none is shared between users, and what the log says of a stream is true of a request.

import http from 'node:http';
import { type Duplex, pipeline } from 'node:stream';
import { DepotError } from '../errors.ts';
import { AppStream } from '../net/app-stream.ts';
import type { Streams } from '../net/streams.ts';
import { requestHeaders, responseHeaders } from './http-headers.ts';
import { type Refusal, refuse } from './http-refusal.ts';
import type { AbsoluteTarget } from './http-target.ts';

/** How long an app may keep a connection after its answer was complete. */
const LINGER_MS = 2000;

export interface Forwarding {
  readonly streams: Streams;
  readonly user: string | undefined;
  readonly anonymous: boolean;
  readonly from: string;
  readonly target: AbsoluteTarget;
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  /** Where the client wants to change the protocol: gives its connection, once the app has agreed. */
  readonly onUpgrade?: () => Duplex;
}

const NO_HTTP: Refusal = { status: 502, why: 'the app did not answer in HTTP' };

/** Resolves when the app has answered, or could not be reached. Never rejects. */
export const forward = async (forwarding: Forwarding): Promise<void> => {
  const { streams, user, anonymous, from, target, response } = forwarding;
  const app = new AppStream();
  const gone = new AbortController();
  response.once('close', () => {
    if (response.writableFinished) return;
    const error = new DepotError('aborted', 'the client went away');
    gone.abort(error);
    app.destroy(error);
  });
  // Whoever reads from it hears of it; before there is anybody, it is the answer that counts.
  app.on('error', () => undefined);
  await streams.carry(
    { command: 'connect', destination: target.destination, user, from, anonymous },
    {
      stream: app.endpoint,
      signal: gone.signal,
      answer: (outcome) => {
        if (outcome instanceof DepotError) refuse(response, outcome.http);
        else exchange(forwarding, app);
      },
    },
  );
};

/** One request and one answer. */
const exchange = (forwarding: Forwarding, app: AppStream): void => {
  const { target, request, response, onUpgrade } = forwarding;
  const { rawHeaders, headers, method } = request;
  const upgrade = onUpgrade && headers.upgrade;
  const upstream = http.request({
    createConnection: () => app,
    method,
    path: target.path,
    headers: requestHeaders({ method, rawHeaders, host: target.host, upgrade }),
  });
  upstream.maxHeadersCount = 0;
  upstream.on('error', (error) => refuse(response, error instanceof DepotError ? error.http : NO_HTTP));
  // A client of HTTP/1.0 would take it for the answer (RFC 9110, section 15.2).
  upstream.on('continue', () => void (request.httpVersionMinor > 0 && response.writeContinue()));
  upstream.on('response', (answer) => passBack(forwarding, answer, app));
  if (onUpgrade !== undefined) upstream.on('upgrade', (answer, _socket, head) => join(answer, head, app, onUpgrade()));
  upstream.flushHeaders();
  request.pipe(upstream);
};

const passBack = ({ request, response }: Forwarding, answer: http.IncomingMessage, app: AppStream): void => {
  // An answer that comes before the request was sent whole: what is left of the body would be in the way.
  if (!request.complete) response.shouldKeepAlive = false;
  response.sendDate = false;
  try {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, responseHeaders(answer.rawHeaders));
  } catch {
    refuse(response, NO_HTTP);
    app.destroy();
    return;
  }
  // A body that was cut must not look like one that ended: the client's connection is cut, too.
  pipeline(answer, response, (error) => {
    if (error) {
      response.destroy();
      app.destroy();
      return;
    }
    const timer = setTimeout(() => app.destroy(), LINGER_MS);
    app.once('close', () => clearTimeout(timer));
  });
};

/** The app has agreed: from here on bytes flow as they come, each direction until its own end. */
const join = (
  { statusCode, statusMessage, rawHeaders }: http.IncomingMessage,
  head: Buffer,
  app: AppStream,
  client: Duplex,
): void => {
  const fields = [...responseHeaders(rawHeaders)];
  const lines = Array.from({ length: fields.length / 2 }, (_, at) => `${fields[at * 2]}: ${fields[at * 2 + 1]}\r\n`);
  client.write(
    `HTTP/1.1 ${statusCode} ${statusMessage}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines.join('')}\r\n`,
  );
  client.write(head);
  client.on('error', (error) => app.destroy(error));
  client.once('close', () => app.destroy());
  app.once('close', () => {
    if (!app.readableEnded) client.destroy();
  });
  client.pipe(app);
  app.pipe(client);
};
