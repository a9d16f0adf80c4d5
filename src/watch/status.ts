// What status shows, as schemas: they shape every answer, so that nothing goes out that is not named here, and the
// OpenAPI document is made from them. Stable: programs read it as JSON. Times are milliseconds since 1970.

import { z } from 'zod';

const Address = z.object({ host: z.string(), port: z.int() }).meta({ id: 'Address' });

const time = (what: string): z.ZodInt => z.int().describe(`${what}, milliseconds since 1970`);

/** A running stream; `StreamSnapshot` of the data path has the same form. */
export const StreamStatus = z
  .object({
    id: z.int(),
    command: z.enum(['connect', 'bind', 'associate', 'resolve', 'resolve-ptr']),
    user: z.string().optional().describe('as the client gave it, a route included; missing for anonymous clients'),
    from: z.string().describe("the client's IP address"),
    target: Address.describe('what the client asked for'),
    local: z.string().optional().describe('missing until one is chosen'),
    rule: z.string().optional().describe('which rule of this side let it through; missing until that is decided'),
    startedAt: time('when the request came'),
    state: z.enum(['connecting', 'open']),
    bytesUp: z.int().describe('from client to app'),
    bytesDown: z.int().describe('from app to client'),
    dropped: z.int().describe('datagrams that found no room'),
  })
  .meta({ id: 'Stream' });
export type StreamStatus = z.output<typeof StreamStatus>;

const tunnels = z.object({ idle: z.int(), busy: z.int() });

/** One who dials the server, as the server sees it. */
const peer = {
  connected: z.boolean(),
  draining: z.boolean().describe('it is about to stop: it gets no new requests, its streams may end'),
  since: time('when the present session began').nullable(),
  lastSeenAt: time('when it was last connected'),
  from: z.string().nullable().describe('the IP address that the present session comes from'),
  software: z.string().nullable(),
  platform: z.string().nullable(),
  rttMs: z.number().nullable().describe('round trip on the control connection; null before it is known'),
  tunnels,
};

export const LocalStatus = z
  .object({ name: z.string(), ...peer, streams: z.int().describe('running now') })
  .meta({ id: 'LocalStatus' });
export type LocalStatus = z.output<typeof LocalStatus>;

/** A device of a user that has joined as a client. */
export const ClientDeviceStatus = z
  .object({ user: z.string(), device: z.string(), ...peer })
  .meta({ id: 'ClientDeviceStatus' });
export type ClientDeviceStatus = z.output<typeof ClientDeviceStatus>;

const process = {
  version: z.string(),
  pid: z.int(),
  startedAt: time('when this process began'),
  descriptors: z
    .object({
      limit: z.int().nullable().describe('how many files this process may open; null where there is no limit'),
      reserved: z.int().describe('how many of them streams and strangers leave alone'),
      refused: z.int().describe('connections that were refused since the start because the rest was taken'),
    })
    .describe('open files'),
  draining: z.boolean().describe('it is about to stop: it takes nothing new, its streams may end'),
};

const published = z
  .array(z.object({ protocol: z.enum(['tcp', 'udp']), listen: z.string(), to: z.string() }))
  .readonly()
  .describe('fixed ports and what they lead to, both HOST:PORT');

const server = {
  ...process,
  role: z.literal('server'),
  host: z.string().describe('the address it listens on'),
  advertised: z.string().describe('what others call this host'),
  ports: z.object({ socks: z.int(), control: z.int(), tunnel: z.int(), web: z.int().nullable() }),
  fingerprint: z.string().describe('SHA-256 of its public key, base64url'),
  users: z.int(),
  published,
};

/** A time without a link. */
const Outage = z
  .object({
    from: time('when the link was lost, or could not be made'),
    until: time('when there was one again')
      .nullable()
      .describe('when there was one again, milliseconds since 1970; null while there is none'),
    code: z.string(),
    reason: z.string().describe('why it was lost, or could not be made'),
    attempts: z.int().describe('that failed meanwhile'),
  })
  .meta({ id: 'Outage' });
export type Outage = z.output<typeof Outage>;

/** The way to the server, as the side that dialed it sees it. */
const UplinkStatus = z.object({
  name: z.string(),
  server: z.string().describe('HOST:PORT of the server'),
  connected: z.boolean(),
  since: time('when the present session began').nullable(),
  rttMs: z.number().nullable(),
  clockAheadMs: z
    .int()
    .nullable()
    .describe(
      "how far this machine's clock is ahead of the server's, to the second, negative where it is behind; null while nobody knows",
    ),
  reconnects: z.int(),
  outages: z.array(Outage).readonly().describe('the newest 20, newest first, since this process began'),
  lastError: z.string().nullable().describe('why the link is down, or why it was last lost; null where it never was'),
  tunnels,
});
export type UplinkStatus = z.output<typeof UplinkStatus>;

const link = {
  ...process,
  ...UplinkStatus.shape,
  role: z.literal('local'),
  rules: z.array(z.string()).readonly().describe('the rules in force'),
};

const client = {
  ...process,
  ...UplinkStatus.shape,
  role: z.literal('client'),
  user: z.string().describe('whose device this is'),
  host: z.string().describe('where programs find it'),
  port: z.int(),
  published,
};

const streams = z.array(StreamStatus).readonly();

const ServerStatus = z
  .object({
    ...server,
    locals: z.array(LocalStatus).readonly(),
    clients: z.array(ClientDeviceStatus).readonly(),
    streams,
  })
  .meta({ id: 'ServerStatus' });
export type ServerStatus = z.output<typeof ServerStatus>;

const LinkStatus = z.object({ ...link, streams }).meta({ id: 'LinkStatus' });
export type LinkStatus = z.output<typeof LinkStatus>;

const ClientStatus = z.object({ ...client, streams }).meta({ id: 'ClientStatus' });
export type ClientStatus = z.output<typeof ClientStatus>;

export const Status = z.discriminatedUnion('role', [ServerStatus, LinkStatus, ClientStatus]);
export type Status = z.output<typeof Status>;

const ServerRole = z.object(server).meta({ id: 'Server' });
const LocalRole = z.object(link).meta({ id: 'Link' });
const ClientRole = z.object(client).meta({ id: 'Client' });

/** The same without its lists: what there is to say at a glance. */
export const RoleStatus = z.discriminatedUnion('role', [ServerRole, LocalRole, ClientRole]);
export type RoleStatus = z.output<typeof RoleStatus>;
/** That of one role. */
export type RoleStatusOf<R extends RoleStatus['role']> = Extract<RoleStatus, { role: R }>;
