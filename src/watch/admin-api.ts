// The admin API: HTTP with JSON on a private Unix socket in the home. Who can open the socket may do everything.
// Owns nothing: whoever runs hands in what can be asked.

import { chmodSync, existsSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { z } from 'zod';
import { asDepotError, DepotError, type ErrorCode, messageOf } from '../errors.ts';
import { LimitsChange, type UserLimits } from '../rules/limits.ts';
import type { StoredClient, StoredLocal } from '../store/store.ts';
import type { Status } from './status.ts';

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

const USER_CHANGE = LimitsChange.extend({ locals: z.array(z.string()).optional() });
/** What is left out stays as it is, or as it is by default. */
export type UserChange = z.output<typeof USER_CHANGE>;

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

/** What an operator can do to a server, running or not. Rejects with a `DepotError`. */
export interface Administration {
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

/** What can be asked of any running role. */
export interface Observable {
  status(): Status;
  /** Ends a stream by its number, or the session of a local (NAME) or a client (USER/DEVICE). */
  kick(id: string): void;
}

const NAME_BODY = z.object({ name: z.string() });
const PASSWORD_BODY = z.object({ password: z.string().optional() });
const USER_BODY = USER_CHANGE.extend({ name: z.string(), password: z.string().optional() });

const STATUS_BY_CODE: Partial<Record<ErrorCode, 400 | 404 | 409>> = {
  'invalid-argument': 400,
  'not-found': 404,
  'conflict': 409,
};

const body = async <T>(request: { json(): Promise<unknown> }, schema: z.ZodType<T>): Promise<T> => {
  const result = schema.safeParse(await request.json().catch(() => undefined));
  if (result.success) return result.data;
  throw new DepotError('invalid-argument', z.prettifyError(result.error));
};

const createApp = (observable: Observable, administration: Administration | undefined): Hono => {
  const app = new Hono().basePath('/api/v1');
  app.onError((thrown, context) => {
    const { code, message } = asDepotError(thrown, 'internal');
    return context.json({ code, message }, STATUS_BY_CODE[code] ?? 500);
  });
  app.notFound((context) => context.json({ code: 'not-found', message: `There is no ${context.req.path}.` }, 404));
  app.get('/status', (context) => context.json(observable.status()));
  app.delete('/sessions/:id', (context) => {
    observable.kick(context.req.param('id'));
    return context.body(null, 204);
  });
  if (administration === undefined) return app;
  app.post('/invitations', async (context) =>
    context.json(await administration.invite((await body(context.req, NAME_BODY)).name), 201),
  );
  app.get('/users', async (context) => context.json(await administration.users()));
  app.post('/users', async (context) =>
    context.json(await administration.addUser(await body(context.req, USER_BODY)), 201),
  );
  app.get('/users/:name', async (context) => context.json(await administration.user(context.req.param('name'))));
  app.patch('/users/:name', async (context) =>
    context.json(await administration.setUser(context.req.param('name'), await body(context.req, USER_CHANGE))),
  );
  app.put('/users/:name/password', async (context) => {
    const { password } = await body(context.req, PASSWORD_BODY);
    return context.json(await administration.setPassword(context.req.param('name'), password));
  });
  app.post('/users/:name/invitations', async (context) =>
    context.json(await administration.inviteClient(context.req.param('name')), 201),
  );
  app.delete('/users/:name', async (context) => {
    await administration.removeUser(context.req.param('name'));
    return context.body(null, 204);
  });
  app.get('/locals', async (context) => context.json(await administration.locals()));
  app.delete('/locals/:name', async (context) => {
    await administration.revokeLocal(context.req.param('name'));
    return context.body(null, 204);
  });
  app.get('/clients', async (context) => context.json(await administration.clients()));
  app.delete('/clients/:user/:device', async (context) => {
    await administration.revokeClient(context.req.param('user'), context.req.param('device'));
    return context.body(null, 204);
  });
  return app;
};

export class AdminSocket {
  readonly #server: http.Server;
  readonly #file: string;

  private constructor(server: http.Server, file: string) {
    this.#server = server;
    this.#file = file;
  }

  /** Listens on `file`, mode 0600. Throws `conflict` where another process answers there; what a dead one left is removed. */
  static async listen(file: string, observable: Observable, administration?: Administration): Promise<AdminSocket> {
    if (existsSync(file)) {
      if (await answers(file))
        throw new DepotError(
          'conflict',
          `Another depot runs with this home (${file} answers). Stop it, or use another --home DIR.`,
        );
      rmSync(file, { force: true });
    }
    const listener = getRequestListener(createApp(observable, administration).fetch);
    const server = http.createServer((request, response) => void listener(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) =>
        reject(new DepotError('unusable-home', `Cannot listen on ${file}: ${messageOf(cause)}.`, { cause })),
      );
      server.listen(file, resolve);
    });
    chmodSync(file, 0o600);
    return new AdminSocket(server, file);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    rmSync(this.#file, { force: true });
  }
}

const answers = (file: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = net.connect(file);
    const finish = (answered: boolean): void => {
      probe.destroy();
      resolve(answered);
    };
    probe.once('connect', () => finish(true));
    probe.once('error', () => finish(false));
  });
