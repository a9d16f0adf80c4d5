// The log of a running role: readable on a terminal, JSON lines elsewhere, always on stderr.

import { pino, stdTimeFunctions } from 'pino';
import type { Log, LogLevel } from '../log.ts';

/** Loaded only where somebody reads along. */
const pretty = process.stderr.isTTY ? (await import('pino-pretty')).default : undefined;

const PRETTY = { destination: 2, translateTime: 'SYS:HH:MM:ss', hideObject: true, sync: true };

export const createLog = (level: LogLevel): Log =>
  pino(
    { level, base: null, timestamp: stdTimeFunctions.isoTime },
    pretty === undefined ? pino.destination({ dest: 2, sync: true }) : pretty(PRETTY),
  );
