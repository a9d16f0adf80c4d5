// An HTTP app for tests, with everything that a proxy can get wrong.

import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { LOOPBACK } from './depot.ts';

export class WebApp implements AsyncDisposable {
  readonly #server: http.Server;

  private constructor(server: http.Server) {
    this.#server = server;
  }

  static async listen(listener: http.RequestListener): Promise<WebApp> {
    const app = new WebApp(http.createServer(listener));
    app.#server.listen(0, LOOPBACK);
    await once(app.#server, 'listening');
    return app;
  }

  /** Answers with what it was asked: the request line, the fields as they came, and the body. */
  static echo(): Promise<WebApp> {
    return WebApp.listen((request, response) => {
      void request.toArray().then((chunks) => {
        const { method, url, rawHeaders } = request;
        response.setHeader('Content-Type', 'application/json');
        response.end(
          JSON.stringify({ method, url, rawHeaders, body: Buffer.concat(chunks as Buffer[]).toString('latin1') }),
        );
      });
    });
  }

  /** Answers with the request line, in words that no proxy would use. */
  static parrot(): Promise<WebApp> {
    return WebApp.listen(({ method, url, httpVersion }, response) =>
      response.end(`you said ${method} ${url} HTTP/${httpVersion}`),
    );
  }

  get server(): http.Server {
    return this.#server;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

/** What `WebApp.echo` was asked. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export const parseAsked = (text: string): Asked => JSON.parse(text) as Asked;
