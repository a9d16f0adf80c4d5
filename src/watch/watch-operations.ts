// The operations that show what goes on, and end it: of any role.

import { z } from 'zod';
import { DepotError } from '../errors.ts';
import type { Watched } from './admin-api.ts';
import { Overview, PastStreamPage, Reloaded, StreamPage, TrafficSeries, Upgraded } from './answers.ts';
import { CheckQuestion, CheckResult } from './check.ts';
import { type Operation, operation, subscription } from './operation.ts';
import { Status } from './status.ts';

const limit = z.coerce.number().int().min(1).max(1000).default(100).describe('the most on one page');

const Page = z.object({
  after: z.coerce.number().int().min(0).default(0).describe('streams with higher numbers only'),
  limit,
});
const PastPage = z.object({
  before: z.coerce
    .number()
    .int()
    .min(1)
    .default(Number.MAX_SAFE_INTEGER)
    .describe('streams that ended before the one with this seq only'),
  limit,
});

export const watchOperations = ({ observable }: Watched): readonly Operation[] => {
  const { watcher } = observable;
  return [
    operation({
      method: 'get',
      path: '/status',
      summary: 'Everything at once, every stream included; for many streams the pages of /streams are better',
      answer: Status,
      handle: () => observable.status(),
    }),
    operation({
      method: 'post',
      path: '/reload',
      summary: 'Read the configuration again; a bad one changes nothing',
      answer: Reloaded,
      handle: () => observable.reload(),
    }),
    operation({
      method: 'post',
      path: '/upgrade',
      summary: 'Start the server anew, from what is installed now, in place of this process; nobody is refused',
      answer: Upgraded,
      handle: () => {
        if (observable.upgrade !== undefined) return observable.upgrade();
        throw new DepotError('not-found', 'Only a server can be replaced while it runs; restart this role instead.');
      },
    }),
    operation({
      method: 'get',
      path: '/overview',
      summary: 'What there is to say at a glance',
      answer: Overview,
      handle: () => {
        const locals = watcher.locals();
        const localsUp = locals.filter(({ connected }) => connected).length;
        return {
          role: watcher.role(),
          localsUp,
          localsDown: locals.length - localsUp,
          running: watcher.running,
          failures: watcher.failures(),
        };
      },
    }),
    operation({
      method: 'get',
      path: '/traffic',
      summary: 'Bytes per second over the last 15 minutes',
      answer: TrafficSeries,
      handle: () => watcher.traffic(),
    }),
    operation({
      method: 'get',
      path: '/streams',
      summary: 'Running streams, in the order in which they began',
      query: Page,
      answer: StreamPage,
      handle: ({ query: { after, limit: most } }) => {
        const streams = watcher.streams(after, most);
        const next = streams.length < most ? null : (streams.at(-1)?.id ?? null);
        return { running: watcher.running, streams, next };
      },
    }),
    operation({
      method: 'delete',
      path: '/sessions/{id}',
      summary: 'End a stream by its number, or the session of a local by its name; a local will connect again',
      handle: ({ param }) => observable.kick(param('id')),
    }),
    operation({
      method: 'get',
      path: '/streams/ended',
      summary: 'Streams that have ended, newest first; a restart keeps them',
      query: PastPage,
      answer: PastStreamPage,
      handle: ({ query: { before, limit: most } }) => {
        const streams = watcher.ended(before, most);
        return { streams, next: streams.length < most ? null : (streams.at(-1)?.seq ?? null) };
      },
    }),
    operation({
      method: 'post',
      path: '/check',
      summary: 'Try a target the way a stream goes, and say of each step how it went; of a server only',
      body: CheckQuestion,
      answer: CheckResult,
      handle: ({ body }) => {
        if (observable.check !== undefined) return observable.check(body);
        throw new DepotError('not-found', 'Only a server can check a target; ask it there.');
      },
    }),
    subscription({
      method: 'get',
      path: '/events',
      summary:
        'Server-sent events: snapshot, the running streams in pieces (streams), ready, then at most once a second what has changed (change)',
      subscribe: (response, signal) => {
        if (watcher.subscribe(response, signal)) return;
        response.writeHead(503, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ code: 'conflict', message: 'Too many watch already.' }));
      },
    }),
  ];
};
