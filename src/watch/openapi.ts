// The OpenAPI 3.1 document of the API, made from the schemas that check it. Pure.

import { z } from 'zod';
import type { Operation } from './operation.ts';

type Json = Readonly<Record<string, unknown>>;

const EVENTS = { 'text/event-stream': { schema: { type: 'string' } } };

export const openApiOf = (operations: readonly Operation[], base: string, version: string): Json => {
  const schemas: Record<string, unknown> = {};
  /** One schema; those with a name of their own stand once for all under `components`. */
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
    const { $defs, $schema: _dialect, ...own } = z.toJSONSchema(schema, { io });
    Object.assign(schemas, moved($defs ?? {}));
    return moved(own);
  };
  const failure = { description: 'failed', content: { 'application/json': { schema: schemaOf(Failed, 'output') } } };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, path, summary, query, body, answer, status } of operations) {
    const parameters = [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
        name,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      })),
      ...Object.entries(query instanceof z.ZodObject ? query.shape : {}).map(([name, schema]) => ({
        name,
        in: 'query',
        required: false,
        schema: schemaOf(schema as z.ZodType, 'output'),
      })),
    ];
    const isStream = path.endsWith('/events');
    const content = isStream ? EVENTS : answer && { 'application/json': { schema: schemaOf(answer, 'output') } };
    const operation = {
      summary,
      operationId: operationIdOf(method, path),
      ...(parameters.length > 0 && { parameters }),
      ...(body && {
        requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } },
      }),
      responses: {
        [String(content === undefined ? 204 : (status ?? 200))]: {
          description: 'done',
          ...(content !== undefined && { content }),
        },
        default: failure,
      },
    };
    paths[path] = { ...paths[path], [method]: operation };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'depot',
      version,
      description: 'Watch and administer a running depot. Times are milliseconds since 1970, bytes are bytes.',
    },
    servers: [{ url: base }],
    paths,
    components: { schemas },
  };
};

const Failed = z
  .object({ code: z.string().describe('stable, for programs'), message: z.string().describe('for a person') })
  .meta({ id: 'Failed' });

/** `#/$defs/X` is where a schema alone keeps what it names. */
const moved = (schema: object): Json =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;

/** `delete /locals/{name}/session` is `deleteLocalsSession`. */
const operationIdOf = (method: string, path: string): string =>
  method +
  path
    .split('/')
    .filter((part) => part !== '' && !part.startsWith('{'))
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1).replaceAll(/\W/g, ''))
    .join('');
