// A log for tests that remembers what it is told, whatever its level, and lets a test wait for it.

import { EventEmitter, once } from 'node:events';
import type { Log, LogMethod } from '../../src/log.ts';

export type Line = Parameters<LogMethod>;

export interface RecordedLog {
  readonly log: Log;
  readonly lines: readonly Line[];
  /** The `event` of each line, in order. */
  readonly names: () => unknown[];
  /** Each line as it comes, by the name of its `event`. */
  readonly events: EventEmitter<Record<string, Line>>;
  /** The sentence of the next line with this `event`. */
  readonly message: (event: string) => Promise<string>;
}

export const recordedLog = (): RecordedLog => {
  const lines: Line[] = [];
  const events = new EventEmitter<Record<string, Line>>();
  const write: LogMethod = (...line) => {
    lines.push(line);
    events.emit(String(line[0]['event']), ...line);
  };
  return {
    log: { debug: write, info: write, warn: write, error: write },
    lines,
    names: () => lines.map(([{ event }]) => event),
    events,
    message: async (event) => ((await once(events, event)) as Line)[1],
  };
};
