// What the API answers beyond status, as schemas.

import { z } from 'zod';
import { LimitsChange, UserLimits } from '../rules/limits.ts';
import { ClientDeviceStatus, LocalStatus, RoleStatus, StreamStatus } from './status.ts';

const time = (what: string): z.ZodInt => z.int().describe(`${what}, milliseconds since 1970`);

export const Reloaded = z
  .object({
    applied: z.array(z.string()).readonly().describe('settings that changed'),
    restart: z.array(z.string()).readonly().describe('settings that changed in the configuration, and need a restart'),
    ended: z.int().describe('streams that were ended, for they are not allowed any more'),
  })
  .meta({ id: 'Reloaded' });
export type Reloaded = z.output<typeof Reloaded>;

export const Upgraded = z
  .object({
    pid: z.int().describe('the process that has taken over'),
    version: z.string(),
    streams: z.int().describe('streams that the old process still carries'),
  })
  .meta({ id: 'Upgraded' });
export type Upgraded = z.output<typeof Upgraded>;

const Usage = z
  .object({
    streams: z.int().describe('ended so far'),
    failures: z.int().describe('of these, how many failed or were aborted'),
    bytesUp: z.int().describe('from clients to apps, running streams included'),
    bytesDown: z.int().describe('from apps to clients, running streams included'),
    lastAt: time('when something moved last; 0 for never'),
  })
  .meta({ id: 'Usage' });

const FailureReason = z
  .object({
    code: z.string(),
    where: z.string().describe('stream, or the port at which somebody was turned away'),
    count: z.int().describe('in the last 15 minutes'),
    last: z
      .object({ at: time('when it happened'), message: z.string(), subject: z.string() })
      .describe('the newest; its subject is a target, or the address of a stranger'),
  })
  .meta({ id: 'FailureReason' });

export const Overview = z
  .object({
    role: RoleStatus,
    localsUp: z.int(),
    localsDown: z.int(),
    running: z.int().describe('streams'),
    failures: z.array(FailureReason).readonly().describe('of the last 15 minutes, most frequent first'),
  })
  .meta({ id: 'Overview' });

export const TrafficSeries = z
  .object({
    until: time('the end of the newest step'),
    stepMs: z.int(),
    up: z.array(z.number()).readonly().describe('bytes per second from clients to apps, oldest first'),
    down: z.array(z.number()).readonly().describe('bytes per second from apps to clients, oldest first'),
  })
  .meta({ id: 'Traffic' });

export const StreamPage = z
  .object({
    running: z.int().describe('how many there are in all'),
    streams: z.array(StreamStatus).readonly(),
    next: z.int().nullable().describe('what to give as `after` for the next page; null where this is the last'),
  })
  .meta({ id: 'StreamPage' });

const PastStream = z
  .object({
    ...StreamStatus.omit({ state: true, command: true, dropped: true, rule: true }).shape,
    seq: z.int().describe('counts on over restarts'),
    endedAt: time('when it ended'),
    connectMs: z.number().describe('from the request to its answer'),
    reply: z.int().min(0).max(255).describe('REP of RFC 1928'),
    error: z
      .object({ code: z.string(), message: z.string() })
      .optional()
      .describe('why it failed or was aborted; missing where it ended in order'),
  })
  .meta({ id: 'PastStream' });

export const PastStreamPage = z
  .object({
    streams: z.array(PastStream).readonly().describe('newest first'),
    next: z.int().nullable().describe('what to give as `before` for the next page; null where this is the last'),
  })
  .meta({ id: 'PastStreamPage' });

/** Everything there is to say of a local that has joined. */
export const Local = z
  .object({
    ...LocalStatus.shape,
    fingerprint: z.string(),
    joinedAt: time('when it joined'),
    roundTrips: z.array(z.number()).readonly().describe('milliseconds over the last 15 minutes, oldest first'),
    usage: Usage,
  })
  .meta({ id: 'Local' });

/** What is left out stays as it is, or as it is by default. */
export const UserChange = LimitsChange.extend({
  locals: z.array(z.string()).optional().describe('locals and groups in order of preference; empty for all'),
});
export type UserChange = z.output<typeof UserChange>;

export const UserInfo = z
  .object({
    name: z.string(),
    locals: z.array(z.string()).readonly().describe('locals and groups in order of preference; empty for all'),
    createdAt: time('when it was made'),
    ...UserLimits.shape,
    usedBytes: z.int().describe('in the present month (UTC), both directions together'),
  })
  .meta({ id: 'UserInfo' });

export const User = z
  .object({
    ...UserInfo.shape,
    running: z.int().describe('streams'),
    usage: Usage,
  })
  .meta({ id: 'User' });
export type User = z.output<typeof User>;

export const Invitation = z
  .object({ link: z.string().describe('secret, good once'), expiresAt: time('until when it is good') })
  .meta({ id: 'Invitation' });

export const Password = z.object({ password: z.string() }).meta({ id: 'Password' });

export const Token = z.object({ token: z.string() }).meta({ id: 'Token' });

/** A device of a user that has joined. */
export const Client = z
  .object({ ...ClientDeviceStatus.shape, fingerprint: z.string(), joinedAt: time('when it joined') })
  .meta({ id: 'ClientDevice' });
