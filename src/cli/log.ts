// The log of a running role: readable on a terminal, JSON lines elsewhere, always on stderr.

import { pino, stdTimeFunctions } from 'pino';
import type { Log, LogLevel } from '../log.ts';

/** Loaded only where somebody reads along. */
const pretty = process.stderr.isTTY ? (await import('pino-pretty')).default : undefined;

/** A log that cannot be written (disk full, terminal gone) is lost; whoever it tells of goes on. */
const stderr = pino.destination({ dest: 2, sync: true, maxLength: 1024 * 1024 });
stderr.on('error', () => undefined);

const PRETTY = { translateTime: 'SYS:HH:MM:ss', hideObject: true, sync: true };

export const createLog = (level: LogLevel): Log =>
  pino(
    { level, base: null, timestamp: stdTimeFunctions.isoTime },
    pretty === undefined ? stderr : pretty({ ...PRETTY, destination: stderr }),
  );
