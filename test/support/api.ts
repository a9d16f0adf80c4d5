// The API as a program would use it: plain HTTP over the admin socket of a home, and its events as they come.

import { once } from 'node:events';
import http from 'node:http';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
}

export interface ApiRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; text is sent as it is. */
  readonly body?: unknown;
}

type Where = { readonly socketPath: string } | { readonly host: string; readonly port: number };

const send = async (
  where: Where,
  path: string,
  { method = 'GET', headers, body }: ApiRequest,
): Promise<http.IncomingMessage> => {
  const request = http.request({ ...where, path, method, headers: { 'content-type': 'application/json', ...headers } });
  request.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return response;
};

export const ask = async (where: Where, path: string, request: ApiRequest = {}): Promise<ApiAnswer> => {
  const response = await send(where, path, request);
  const text = (await response.toArray()).join('');
  const isJson = response.headers['content-type']?.includes('json') === true;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: isJson ? (JSON.parse(text) as unknown) : undefined,
  };
};

/** Logs in at a web port. */
export const logIn = (where: Where, password: string, headers: ApiRequest['headers'] = {}): Promise<ApiAnswer> => {
  const body = JSON.stringify({ password });
  const length = { 'content-length': String(Buffer.byteLength(body)) };
  return ask(where, '/api/v1/session', { method: 'POST', body, headers: { ...length, ...headers } });
};

/** The cookie of a login, as a browser sends it back. */
export const cookieOf = ({ headers }: ApiAnswer): string => headers['set-cookie']?.[0]?.split(';')[0] ?? '';

interface Event {
  readonly event: string;
  readonly data: Record<string, never>;
}

/** Server-sent events, one after the other. Gone at the end of the scope. */
export class Events implements Disposable {
  readonly response: http.IncomingMessage;
  #text = '';
  #over = false;

  private constructor(response: http.IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      this.#over = true;
    });
  }

  static async open(where: Where, request: ApiRequest = {}): Promise<Events> {
    return new Events(await send(where, '/api/v1/events', request));
  }

  /** The next event; undefined where there will be none. */
  async next(): Promise<Event | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const event = /^event: (.*)$/m.exec(block)?.[1];
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (event !== undefined && data !== undefined) return { event, data: JSON.parse(data) as Event['data'] };
      } else if (this.#over) return undefined;
      else await Promise.race([once(this.response, 'data'), once(this.response, 'close')]);
    }
  }

  /** The data of the next event of this kind for which `fits` holds. */
  async until<T>(kind: string, fits: (data: T) => boolean = () => true): Promise<T> {
    for (;;) {
      const event = await this.next();
      if (event === undefined) throw new Error(`no ${kind} came`);
      const data = event.data as T;
      if (event.event === kind && fits(data)) return data;
    }
  }

  [Symbol.dispose](): void {
    this.response.destroy();
  }
}
