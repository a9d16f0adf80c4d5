// The library: what a program that embeds depot may use. Everything else may change without notice.

import { type ClientOptions, DepotClient } from './client/client.ts';
import { DepotLocal, type LocalOptions } from './local/local.ts';
import { DepotServer } from './server/server.ts';
import type { ServerOptions } from './server/state.ts';

export { DepotError, type ErrorCode, Reply } from './errors.ts';
export type { ClientEvents, ClientOptions, DepotClient } from './client/client.ts';
export type { ClientConfig, LocalConfig, ServerConfig } from './config/schema.ts';
export type { Log, LogMethod } from './log.ts';
export type { DepotLocal, LocalEvents, LocalOptions } from './local/local.ts';
export type { AppRequest, ConnectApp } from './local/own-apps.ts';
export type { FirstStart } from './server/administration.ts';
export type { Candidate, Decision } from './server/decide.ts';
export type { UserLimits } from './rules/limits.ts';
export type { DepotServer, ServerEvents } from './server/server.ts';
export type { ServerOptions } from './server/state.ts';
export type { Resolve } from './net/dial.ts';
export type { StreamEnd, StreamSnapshot } from './net/streams.ts';
export type { Administration, Invitation, NewUser, UserChange, UserInfo } from './watch/admin-api.ts';
export type {
  ClientDeviceStatus,
  ClientStatus,
  LinkStatus,
  LocalStatus,
  ServerStatus,
  Status,
} from './watch/status.ts';
export { VERSION } from './version.ts';

/**
 * Runs the public side. Resolves when every port listens; stop it with `stop` or `await using`.
 * Rejects with a `DepotError`: `invalid-config`, `unusable-home`, `address-in-use` or `conflict`.
 */
export const createServer = (options: ServerOptions): Promise<DepotServer> => DepotServer.start(options);

/**
 * Runs the private side, which goes on trying to reach its server until it is stopped; stop it with `stop` or `await using`.
 * Rejects with a `DepotError`: `invalid-config`, `unusable-home`, `invalid-argument` or `conflict`.
 */
export const createLocal = (options: LocalOptions): Promise<DepotLocal> => DepotLocal.start(options);

/**
 * Runs the laptop side: a loopback port without a password, carried to the server; stop it with `stop` or `await using`.
 * Resolves when the port listens, and goes on trying to reach its server until it is stopped.
 * Rejects with a `DepotError`: `invalid-config`, `unusable-home`, `invalid-argument`, `address-in-use` or `conflict`.
 */
export const createClient = (options: ClientOptions): Promise<DepotClient> => DepotClient.start(options);
