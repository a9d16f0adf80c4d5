// The operations that change who may come in: of a server; and who may see the web page, of any role.

import { z } from 'zod';
import type { StoredClient, StoredLocal } from '../store/store.ts';
import type { Watched } from './admin-api.ts';
import { Client, Invitation, Local, Password, Token, User, UserChange, UserInfo } from './answers.ts';
import { type Operation, operation } from './operation.ts';
import type { Watcher } from './watcher.ts';

const NameBody = z.object({ name: z.string() });
const PasswordBody = z.object({ password: z.string().optional() });
const UserBody = UserChange.extend({
  name: z.string(),
  password: z.string().optional().describe('made by the server where it is missing'),
});

export const administrationOperations = ({ observable, administration }: Watched): readonly Operation[] => {
  if (administration === undefined) return [];
  const { watcher } = observable;
  return [
    operation({
      method: 'post',
      path: '/invitations',
      summary: 'Make a join link for a new local',
      body: NameBody,
      answer: Invitation,
      status: 201,
      handle: ({ body: { name } }) => administration.invite(name),
    }),
    operation({
      method: 'get',
      path: '/locals',
      summary: 'The locals that have joined, connected or not',
      answer: z.array(Local),
      handle: async () => localsOf(await administration.locals(), watcher),
    }),
    operation({
      method: 'delete',
      path: '/locals/{name}',
      summary: 'Forget the key of a local and cut its session at once',
      handle: ({ param }) => administration.revokeLocal(param('name')),
    }),
    operation({
      method: 'get',
      path: '/clients',
      summary: 'The devices that have joined as clients, connected or not',
      answer: z.array(Client),
      handle: async () => clientsOf(await administration.clients(), watcher),
    }),
    operation({
      method: 'delete',
      path: '/clients/{user}/{device}',
      summary: 'Forget the key of a device and cut its session at once',
      handle: ({ param }) => administration.revokeClient(param('user'), param('device')),
    }),
    operation({
      method: 'post',
      path: '/users/{name}/invitations',
      summary: 'Make a join link for a new device of a user',
      answer: Invitation,
      status: 201,
      handle: ({ param }) => administration.inviteClient(param('name')),
    }),
    operation({
      method: 'get',
      path: '/users',
      summary: 'The users and what they use',
      answer: z.array(User),
      handle: async () => {
        const running = watcher.runningByUser();
        return (await administration.users()).map((user) => ({
          ...user,
          running: running.get(user.name) ?? 0,
          usage: watcher.usage('user', user.name),
        }));
      },
    }),
    operation({
      method: 'post',
      path: '/users',
      summary: 'Add a user',
      body: UserBody,
      answer: Password,
      status: 201,
      handle: ({ body }) => administration.addUser(body),
    }),
    operation({
      method: 'get',
      path: '/users/{name}',
      summary: 'One user',
      answer: UserInfo,
      handle: ({ param }) => administration.user(param('name')),
    }),
    operation({
      method: 'patch',
      path: '/users/{name}',
      summary: 'Change what a user may do; streams that it may not have any more end at once',
      body: UserChange,
      answer: UserInfo,
      handle: ({ param, body }) => administration.setUser(param('name'), body),
    }),
    operation({
      method: 'put',
      path: '/users/{name}/password',
      summary: 'Give a user a new password',
      body: PasswordBody,
      answer: Password,
      handle: ({ param, body: { password } }) => administration.setPassword(param('name'), password),
    }),
    operation({
      method: 'delete',
      path: '/users/{name}',
      summary: 'Remove a user and end its streams',
      handle: ({ param }) => administration.removeUser(param('name')),
    }),
  ];
};

/** Those of any role. */
export const webOperations = ({ web }: Watched): readonly Operation[] => [
  operation({
    method: 'put',
    path: '/web/password',
    summary: 'Give the web page a new password; everybody has to log in again',
    body: PasswordBody,
    answer: Password,
    handle: ({ body: { password } }) => web.setWebPassword(password),
  }),
  operation({
    method: 'post',
    path: '/web/metrics-token',
    summary: 'Make a new bearer token for /metrics; the one before is good no more',
    answer: Token,
    status: 201,
    handle: () => web.makeMetricsToken(),
  }),
];

const clientsOf = (stored: readonly StoredClient[], watcher: Watcher): z.input<typeof Client>[] => {
  const byTitle = new Map(stored.map((client) => [`${client.user}/${client.device}`, client]));
  return watcher.clients().flatMap((status) => {
    const client = byTitle.get(`${status.user}/${status.device}`);
    return client === undefined ? [] : [{ ...status, fingerprint: client.fingerprint, joinedAt: client.joinedAt }];
  });
};

const localsOf = (stored: readonly StoredLocal[], watcher: Watcher): z.input<typeof Local>[] => {
  const byName = new Map(stored.map((local) => [local.name, local]));
  return watcher.locals().flatMap((status) => {
    const local = byName.get(status.name);
    if (local === undefined) return [];
    const { fingerprint, joinedAt } = local;
    const { name } = status;
    return [
      { ...status, fingerprint, joinedAt, roundTrips: watcher.roundTrips(name), usage: watcher.usage('local', name) },
    ];
  });
};
