// What commands print: plain lines for people, JSON for programs.

import type { Outage, ServerStatus } from '../watch/status.ts';

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** Columns as wide as they need to be; nothing at all without rows. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  // Names come from others, and nothing in them may steer a terminal.
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll(/\p{Cc}/gu, '?')));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

/** Of a local or a client. */
export const stateOf = ({ connected, draining }: { connected: boolean; draining: boolean }): string =>
  draining ? 'draining' : connected ? 'connected' : 'away';

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

/** `no link 3 min ago for 4 s: the server was stopped (2 attempts failed)`. */
export const describeOutage = ({ from, until, reason, attempts }: Outage, now: number): string => {
  const length = until === null ? 'and still' : `for ${duration(until - from)}`;
  const tried = attempts === 0 ? '' : ` (${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} failed)`;
  // The other side has its part in a reason, and nothing in it may steer a terminal.
  return `no link ${duration(now - from)} ago ${length}: ${reason.replaceAll(/\p{Cc}/gu, '?')}${tried}`;
};

/** `999 B`, `1.5 kB`, `2.0 MB`: powers of ten, like disks and lines. */
export const size = (bytes: number): string => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return power === 0 ? `${bytes} B` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
};

/** Everything that comes on standard input, without the newline at its end. */
export const readStdin = async (): Promise<string> => {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return Buffer.concat(pieces)
    .toString()
    .replace(/\r?\n$/, '');
};
