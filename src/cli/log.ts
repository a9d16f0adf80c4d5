// The log of a running role: readable on a terminal, JSON lines elsewhere, always on stderr.

import { pino, stdTimeFunctions } from 'pino';
import type { Log, LogLevel } from '../log.ts';
import { LogSink, standardError } from './log-sink.ts';

/** Loaded only where somebody reads along. */
const pretty = process.stderr.isTTY
  ? (await import('pino-pretty')).prettyFactory({
      translateTime: 'SYS:HH:MM:ss',
      hideObject: true,
      // Of this stream, with NO_COLOR, FORCE_COLOR and TERM; the library would look at standard output.
      colorize: process.stderr.hasColors(),
    })
  : undefined;

export const createLog = (level: LogLevel): Log => {
  const sink = new LogSink({
    descriptor: standardError(),
    onLost: (lines) => log.warn({ event: 'log-lost', lines }, `${lines} lines of the log were lost: nobody took them`),
  });
  const write = pretty === undefined ? sink : { write: (line: string) => sink.write(pretty(line)) };
  const log = pino({ level, base: null, timestamp: stdTimeFunctions.isoTime }, write);
  process.on('exit', () => sink.end());
  return log;
};
