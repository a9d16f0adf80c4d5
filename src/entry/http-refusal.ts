// What an HTTP client gets instead of what it asked for: a status and the reason in plain words.

import http from 'node:http';

export interface Refusal {
  readonly status: number;
  readonly why: string;
  /** Names and values in turns. */
  readonly headers?: readonly string[];
  /** Whether the connection ends with it. */
  readonly closes?: true;
}

const bodyOf = ({ status, why }: Refusal): Buffer => Buffer.from(`depot: ${status}: ${why}\n`);

const headersOf = ({ headers = [] }: Refusal, body: Buffer): string[] => [
  'Content-Type',
  'text/plain; charset=utf-8',
  'Content-Length',
  `${body.length}`,
  'X-Content-Type-Options',
  'nosniff',
  ...headers,
];

/** Answers with a refusal. Where an answer has begun already, cuts it off, so that it does not look whole. */
export const refuse = (response: http.ServerResponse, refusal: Refusal): void => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = bodyOf(refusal);
  // What is left of the body would be in the way of the next request.
  if (refusal.closes || !response.req.complete) response.shouldKeepAlive = false;
  response.writeHead(refusal.status, headersOf(refusal, body));
  response.end(body);
};

/** The same as text, for a connection that the platform's parser has let go; it is closed after that. */
export const refusalText = (refusal: Refusal): string => {
  const body = bodyOf(refusal);
  const headers = [...headersOf(refusal, body), 'Connection', 'close'];
  const lines = Array.from({ length: headers.length / 2 }, (_, at) => `${headers[at * 2]}: ${headers[at * 2 + 1]}\r\n`);
  return `HTTP/1.1 ${refusal.status} ${http.STATUS_CODES[refusal.status]}\r\n${lines.join('')}\r\n${body.toString()}`;
};
