// What can be asked of a running role, and how: the operations of the API, put together from what the role hands in.

import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { asDepotError, DepotError, type ErrorCode } from '../errors.ts';
import type { UserLimits } from '../rules/limits.ts';
import type { StoredClient, StoredLocal } from '../store/store.ts';
import type { Reloaded, Upgraded, UserChange } from './answers.ts';
import type { CheckQuestion, CheckResult } from './check.ts';
import { administrationOperations, webOperations } from './administration-operations.ts';
import { formatMetrics } from './metrics.ts';
import { openApiOf } from './openapi.ts';
import { type Env, mount } from './operation.ts';
import type { Status } from './status.ts';
import { watchOperations } from './watch-operations.ts';
import type { Watcher } from './watcher.ts';

/** A user as it is shown: without anything secret. */
export interface UserInfo extends UserLimits {
  readonly name: string;
  /** Locals and groups in order of preference; empty for all locals. */
  readonly locals: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Bytes in the present month (UTC), both directions together. */
  readonly usedBytes: number;
}

export interface NewUser extends UserChange {
  readonly name: string;
  /** Made where it is missing. */
  readonly password?: string | undefined;
}

export interface Invitation {
  readonly link: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Who may see the web page of a role. Rejects with a `DepotError`. */
export interface WebAdministration {
  /** The password of the page; made where none is given. Everybody who is logged in has to log in again. */
  setWebPassword(password?: string): Promise<{ readonly password: string }>;
  /** A new token for /metrics; the one before is good no more. */
  makeMetricsToken(): Promise<{ readonly token: string }>;
}

/** What an operator can do to a server, running or not. Rejects with a `DepotError`. */
export interface Administration extends WebAdministration {
  /** For a new local of this name. */
  invite(name: string): Promise<Invitation>;
  /** For a new device of this user. */
  inviteClient(user: string): Promise<Invitation>;
  users(): Promise<readonly UserInfo[]>;
  /** Makes a password where none is given, and returns it. */
  addUser(user: NewUser): Promise<{ readonly password: string }>;
  user(name: string): Promise<UserInfo>;
  /** Streams that the user may not have any more end at once. */
  setUser(name: string, change: UserChange): Promise<UserInfo>;
  setPassword(name: string, password?: string): Promise<{ readonly password: string }>;
  removeUser(name: string): Promise<void>;
  locals(): Promise<readonly StoredLocal[]>;
  /** Forgets a local's key and cuts its session. */
  revokeLocal(name: string): Promise<void>;
  clients(): Promise<readonly StoredClient[]>;
  /** Forgets a device's key and cuts its session. */
  revokeClient(user: string, device: string): Promise<void>;
}

export type { UserChange } from './answers.ts';

/** What can be asked of any running role. */
export interface Observable {
  readonly watcher: Watcher;
  status(): Status;
  /** Ends a stream by its number, or the session of a local (NAME) or a client (USER/DEVICE). */
  kick(id: string): void;
  /** Reads the configuration again. Throws `invalid-config`, nothing changed then. */
  reload(): Promise<Reloaded>;
  /** Has another process take the place of this one; only a server that was started as a program can. */
  upgrade?(): Promise<Upgraded>;
  /** Tries a target the way a stream goes; only a server can. */
  check?(question: CheckQuestion): Promise<CheckResult>;
}

/** Everything that the API is about. */
export interface Watched {
  readonly observable: Observable;
  /** Undefined where there is nobody to administer: in a local and a client. */
  readonly administration?: Administration | undefined;
  readonly web: WebAdministration;
}

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
