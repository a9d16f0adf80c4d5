// What `status` shows, as plain data. Stable: programs read it as JSON. Times are milliseconds since 1970.

import type { StreamSnapshot } from '../net/streams.ts';

export interface LocalStatus {
  readonly name: string;
  readonly connected: boolean;
  /** When the present session began, or null. */
  readonly since: number | null;
  readonly lastSeenAt: number;
  /** The address that the present session comes from, or null. */
  readonly from: string | null;
  readonly software: string | null;
  readonly platform: string | null;
  /** Round trip on the control connection in milliseconds, or null before it is known. */
  readonly rttMs: number | null;
  readonly tunnels: { readonly idle: number; readonly busy: number };
  readonly streams: number;
}

/** A device of a user that has joined as a client. */
export interface ClientDeviceStatus {
  readonly user: string;
  readonly device: string;
  readonly connected: boolean;
  /** When the present session began, or null. */
  readonly since: number | null;
  readonly lastSeenAt: number;
  /** The address that the present session comes from, or null. */
  readonly from: string | null;
  readonly software: string | null;
  readonly platform: string | null;
  /** Round trip on the control connection in milliseconds, or null before it is known. */
  readonly rttMs: number | null;
  readonly tunnels: { readonly idle: number; readonly busy: number };
}

/** A fixed port and what it leads to, both HOST:PORT. */
interface PublishedStatus {
  readonly listen: string;
  readonly to: string;
}

interface Process {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
}

export interface ServerStatus extends Process {
  readonly role: 'server';
  readonly host: string;
  readonly ports: { readonly socks: number; readonly control: number; readonly tunnel: number };
  readonly fingerprint: string;
  readonly users: number;
  readonly published: readonly PublishedStatus[];
  readonly locals: readonly LocalStatus[];
  readonly clients: readonly ClientDeviceStatus[];
  readonly streams: readonly StreamSnapshot[];
}

/** The way to the server, as the side that dialed it sees it. */
export interface UplinkStatus {
  readonly name: string;
  /** HOST:PORT of the server. */
  readonly server: string;
  readonly connected: boolean;
  readonly since: number | null;
  readonly rttMs: number | null;
  readonly reconnects: number;
  /** Why the link is down, or why it was last lost; null where it never was. */
  readonly lastError: string | null;
  readonly tunnels: { readonly idle: number; readonly busy: number };
}

export interface LinkStatus extends Process, UplinkStatus {
  readonly role: 'local';
  /** The rules in force. */
  readonly rules: readonly string[];
  readonly streams: readonly StreamSnapshot[];
}

export interface ClientStatus extends Process, UplinkStatus {
  readonly role: 'client';
  /** Whose device this is. */
  readonly user: string;
  /** Where programs find it. */
  readonly host: string;
  readonly port: number;
  readonly published: readonly PublishedStatus[];
  readonly streams: readonly StreamSnapshot[];
}

export type Status = ServerStatus | LinkStatus | ClientStatus;
