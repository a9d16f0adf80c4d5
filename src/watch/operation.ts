// One operation of the API: its schemas, which check what comes in, shape what goes out and make the OpenAPI document,
// and what it does.

import type { ServerResponse } from 'node:http';
import type { Context, Hono } from 'hono';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { z } from 'zod';
import { DepotError } from '../errors.ts';

/** What Node's server hands along with each request. */
interface NodeBindings {
  readonly outgoing: ServerResponse;
}

export interface Env {
  Bindings: NodeBindings;
  Variables: {
    /** Aborts when whoever asked may not ask any more. */
    signal?: AbortSignal;
  };
}

type Schema = z.ZodType | undefined;
type Output<S extends Schema> = S extends z.ZodType ? z.output<S> : undefined;
type Answer<S extends Schema> = S extends z.ZodType ? z.input<S> : undefined | void;

interface Definition<Q extends Schema, B extends Schema, A extends Schema> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Parameters in braces: `/users/{name}`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Q;
  readonly body?: B;
  /** What comes back; without one nothing does (204). */
  readonly answer?: A;
  /** Default 200, or 204 without an answer. */
  readonly status?: 201;
  readonly handle: (input: {
    readonly param: (name: string) => string;
    readonly query: Output<Q>;
    readonly body: Output<B>;
  }) => Answer<A> | Promise<Answer<A>>;
}

/** An operation that answers by itself, for as long as it likes. */
export interface Subscription {
  readonly method: 'get';
  readonly path: string;
  readonly summary: string;
  readonly subscribe: (response: ServerResponse, signal: AbortSignal | undefined) => void;
}

/** Of any schemas. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly query?: Schema;
  readonly body?: Schema;
  readonly answer?: Schema;
  readonly status?: 201;
  readonly run: (context: Context<Env>) => Promise<Response>;
}

export const operation = <Q extends Schema = undefined, B extends Schema = undefined, A extends Schema = undefined>(
  definition: Definition<Q, B, A>,
): Operation => {
  const { handle, query, body, answer, status } = definition;
  return {
    ...definition,
    run: async (context) => {
      const result = await handle({
        param: (name) => context.req.param(name) ?? '',
        query: (query && check(query, context.req.query())) as Output<Q>,
        body: (body && check(body, await context.req.json().catch(() => undefined))) as Output<B>,
      });
      // What a schema does not name is left out: nothing secret goes along by accident.
      if (answer !== undefined) return context.json(answer.parse(result), status ?? 200);
      return context.body(null, 204);
    },
  };
};

export const subscription = ({ subscribe, ...definition }: Subscription): Operation => ({
  ...definition,
  run: (context) => {
    subscribe(context.env.outgoing, context.get('signal'));
    return Promise.resolve(RESPONSE_ALREADY_SENT);
  },
});

const check = <T>(schema: z.ZodType<T>, value: unknown): T => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new DepotError('invalid-argument', z.prettifyError(result.error));
};

export const mount = (app: Hono<Env>, operations: readonly Operation[]): void => {
  for (const { method, path, run } of operations)
    app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), run);
};
