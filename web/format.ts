// Numbers and times as people read them.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `999 B`, `1.5 kB`, `20 MB`: powers of ten, like disks and lines. */
export const bytes = (value: number): string => {
  const power = value < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  return `${power === 0 ? Math.round(scaled) : scaled.toFixed(scaled < 10 ? 1 : 0)} ${UNITS[power]}`;
};

export const rate = (value: number): string => (value < 1 ? '–' : `${bytes(value)}/s`);

/** `42 s`, `12 min`, `5 h 10 min`, `3 d`. */
export const duration = (milliseconds: number): string => {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

export const roundTrip = (milliseconds: number | null): string =>
  milliseconds === null ? '–' : `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;

export const clock = (at: number): string => new Date(at).toLocaleTimeString([], { hour12: false });

export const dateAndTime = (at: number): string =>
  at === 0 ? 'never' : new Date(at).toLocaleString([], { hour12: false });

export const address = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** REP of RFC 1928 in words. */
const REPLIES = [
  'succeeded',
  'failed',
  'not allowed',
  'network unreachable',
  'host unreachable',
  'refused',
  'TTL expired',
  'command unsupported',
  'address unsupported',
];

export const replyWords = (reply: number): string => REPLIES[reply] ?? 'unknown';
