// Values as people read them: states, ages, sizes, and what a role says in a line. Pure.

import type { Outage, ServerStatus, UplinkStatus } from '../watch/status.ts';
import { harmless, type Tone, type Toned } from './layout.ts';

/** Of a local or a client; `away` says how much it matters that one is not there. */
export const stateOf = (
  { connected, draining }: { connected: boolean; draining: boolean },
  away: Tone = 'bad',
): Toned => {
  if (draining) return { text: 'draining', tone: 'warning' };
  return connected ? { text: 'connected', tone: 'good' } : { text: 'away', tone: away };
};

/** `127.0.0.1:5353/udp to nas.depot:53`. */
export const formatPublished = ({ protocol, listen, to }: ServerStatus['published'][number]): string =>
  `${listen}${protocol === 'udp' ? '/udp' : ''} to ${to}`;

/** A line for the web page of a local or a client, where it has one; its password on the one start that made it. */
export const describePage = (
  page: { readonly url: string; readonly password: string | undefined } | undefined,
  label: string,
): string => {
  if (page === undefined) return '';
  const { url, password } = page;
  return `\n${label}${url}${password === undefined ? '' : `  (password, shown once: ${password})`}`;
};

/** `90 s`, `12 min`, `5 h`, `3 d`. */
export const duration = (milliseconds: number): string => {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
};

/** Why there is no link now: an outage has why it began, and the last attempt may have failed for another reason. */
export const describeLastError = ({ connected, lastError }: Pick<UplinkStatus, 'connected' | 'lastError'>): string =>
  connected || lastError === null ? '' : `: ${harmless(lastError)}`;

/** `no link 3 min ago for 4 s: the server was stopped (2 attempts failed)`. */
export const describeOutage = ({ from, until, reason, attempts }: Outage, now: number): string => {
  const length = until === null ? 'and still' : `for ${duration(until - from)}`;
  const tried = attempts === 0 ? '' : ` (${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} failed)`;
  return `no link ${duration(now - from)} ago ${length}: ${harmless(reason)}${tried}`;
};

/** `999 B`, `1.5 kB`, `2.0 MB`: powers of ten, like disks and lines. */
export const size = (bytes: number): string => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return power === 0 ? `${bytes} B` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
};
