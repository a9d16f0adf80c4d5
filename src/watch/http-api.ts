// The API over HTTP: the operations of each part, put together from what the role hands in.

import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { asDepotError, DepotError, type ErrorCode } from '../errors.ts';
import type { Watched } from './admin-api.ts';
import { administrationOperations, webOperations } from './administration-operations.ts';
import { formatMetrics } from './metrics.ts';
import { openApiOf } from './openapi.ts';
import { type Env, mount } from './operation.ts';
import { watchOperations } from './watch-operations.ts';

const BASE = '/api/v1';
/** Nothing that anybody sends has more than a few names in it. */
const MAX_BODY_BYTES = 64 * 1024;

const STATUS_BY_CODE: Partial<Record<ErrorCode, 400 | 404 | 409>> = {
  'invalid-config': 400,
  'invalid-argument': 400,
  'not-found': 404,
  'conflict': 409,
};

/** The API and what stands beside it for machines. Whoever serves it says who may ask. */
export const createApi = (watched: Watched): Hono<Env> => {
  const operations = [...watchOperations(watched), ...administrationOperations(watched), ...webOperations(watched)];
  const { watcher } = watched.observable;
  const app = new Hono<Env>();
  app.onError((thrown, context) => {
    const { code, message } = asDepotError(thrown, 'internal');
    return context.json({ code, message }, STATUS_BY_CODE[code] ?? 500);
  });
  app.notFound((context) => context.json({ code: 'not-found', message: `There is no ${context.req.path}.` }, 404));
  app.use((context, next) => {
    // A Host may be one to HTTP and none to URLs (`na.1`), and then the request cannot be looked at.
    if (!URL.canParse(context.req.url)) throw new DepotError('invalid-argument', 'The Host of this request is none.');
    return next();
  });
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new DepotError('invalid-argument', 'The body of this request is too long.');
      },
    }),
  );
  const api = new Hono<Env>();
  mount(api, operations);
  api.get('/openapi.json', (context) => context.json(openApiOf(operations, BASE, watcher.role().version)));
  app.route(BASE, api);
  app.get('/metrics', (context) =>
    context.text(formatMetrics(watcher), 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }),
  );
  return app;
};
