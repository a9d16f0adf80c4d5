// Who may ask what at the web port: everybody may see the login page, whoever knows the password gets a session, and
// with it the API. What a hostile page in the same browser could try is refused before anything else is looked at.

import type { ServerResponse } from 'node:http';
import { getConnInfo } from '@hono/node-server/conninfo';
import { type Context, Hono } from 'hono';
import { getCookie } from 'hono/cookie';
import { z } from 'zod';
import type { WebAccess } from '../credentials/web-access.ts';
import { canonicalHost } from '../socks/address.ts';
import { isOwnHost, isOwnPage } from './origin.ts';
import type { Env } from './operation.ts';
import type { Page, PublicFile } from './pages.ts';
import type { Sessions } from './sessions.ts';

export interface WebAppOptions {
  readonly api: Hono<Env>;
  readonly pages: ReadonlyMap<string, Page>;
  readonly pac: PublicFile | undefined;
  readonly access: WebAccess;
  readonly sessions: Sessions;
  /** Names, besides addresses and `localhost`, that this server is asked for with; lower case. */
  readonly names: () => readonly string[];
  readonly cookie: string;
  /** Whether browsers may send the cookie over TLS only. */
  readonly secure: boolean;
  readonly ready: () => boolean;
  readonly onWrongPassword: (from: string) => void;
  /** The connection from this address and port is that of somebody who has logged in. */
  readonly onKnown: (address: string, port: number) => void;
}

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** On everything, errors and events included. */
export const setSecurityHeaders = (response: ServerResponse, secure: boolean): void => {
  response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('X-Frame-Options', 'DENY');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Cache-Control', 'no-store');
  if (secure) response.setHeader('Strict-Transport-Security', 'max-age=31536000');
};

const LoginBody = z.object({ password: z.string().max(1024) });
const MAX_LOGIN_BYTES = 4096;

const refuse = (context: Context<Env>, status: 401 | 403 | 421 | 429 | 400, code: string, message: string): Response =>
  context.json({ code, message }, status);

export const createWebApp = (options: WebAppOptions): Hono<Env> => {
  const { api, pages, pac, access, sessions, names, cookie, secure, ready, onWrongPassword, onKnown } = options;
  const app = new Hono<Env>();
  const sessionOf = (context: Context<Env>): AbortSignal | undefined => sessions.use(getCookie(context, cookie) ?? '');
  const setCookie = (id: string, more: string): string =>
    `${cookie}=${id}; Path=/; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}${more}`;

  app.use(async (context, next) => {
    const host = context.req.header('host');
    if (!isOwnHost(host, names()))
      return refuse(context, 421, 'not-allowed', 'This server is not asked for with this name; --web-names adds one.');
    const origin = context.req.header('origin');
    const fetchSite = context.req.header('sec-fetch-site');
    const { pathname } = new URL(context.req.url);
    // A link to the page itself may stand anywhere.
    if (pathname !== '/' && !isOwnPage({ host, origin, fetchSite }))
      return refuse(context, 403, 'not-allowed', 'Another page may not ask this.');
    return next();
  });
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => (ready() ? context.text('ready\n') : context.text('not ready\n', 503)));
  app.post('/api/v1/session', async (context) => {
    if (Number(context.req.header('content-length') ?? Infinity) > MAX_LOGIN_BYTES)
      return refuse(context, 400, 'invalid-argument', 'A login has one password, and says how long it is.');
    const body = LoginBody.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return refuse(context, 400, 'invalid-argument', 'A login has one password.');
    const from = canonicalHost(getConnInfo(context).remote.address ?? '');
    const outcome = await access.login(body.data.password, from);
    if (outcome === 'busy') return refuse(context, 429, 'timed-out', 'Too many try to log in. Wait a moment.');
    if (outcome === 'wrong') {
      onWrongPassword(from);
      return refuse(context, 401, 'not-allowed', 'That is not the password.');
    }
    context.header('Set-Cookie', setCookie(sessions.begin(), ''));
    return context.body(null, 204);
  });
  app.delete('/api/v1/session', (context) => {
    sessions.end(getCookie(context, cookie) ?? '');
    context.header('Set-Cookie', setCookie('', '; Max-Age=0'));
    return context.body(null, 204);
  });
  app.use('/api/*', async (context, next) => {
    const signal = sessionOf(context);
    if (signal === undefined) return refuse(context, 401, 'not-allowed', 'Log in first.');
    context.set('signal', signal);
    const { address = '', port = 0 } = getConnInfo(context).remote;
    onKnown(canonicalHost(address), port);
    return next();
  });
  app.use('/metrics', async (context, next) => {
    const token = /^Bearer (\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
    if ((token !== undefined && access.isMetricsToken(token)) || sessionOf(context) !== undefined) return next();
    context.header('WWW-Authenticate', 'Bearer');
    return refuse(
      context,
      401,
      'not-allowed',
      'Send the token that `depot web token` prints: Authorization: Bearer TOKEN.',
    );
  });
  if (pac !== undefined)
    app.get(pac.path, (context) => context.body(pac.text(context.req.header('host')), 200, pac.headers));
  for (const [route, page] of pages) app.get(route, (context) => serve(context, page));
  app.route('/', api);
  return app;
};

const serve = (context: Context<Env>, { type, body, gzipped, etag }: Page): Response => {
  const headers = { 'Content-Type': type, 'Cache-Control': 'no-cache', 'ETag': etag, 'Vary': 'Accept-Encoding' };
  if (context.req.header('if-none-match') === etag) return context.body(null, 304, headers);
  const zips = context.req.header('accept-encoding')?.includes('gzip') === true;
  return context.body(new Uint8Array(zips ? gzipped : body), 200, {
    ...headers,
    ...(zips && { 'Content-Encoding': 'gzip' }),
  });
};
