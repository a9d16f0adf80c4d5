// What depot needs of a logger: pino has this shape. Fields first, then one plain sentence.

export type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

export interface Log {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  /** The least that is written, where that can be changed. */
  level?: string;
}

export type LogLevel = Exclude<keyof Log, 'level'>;

/** A logger, or what makes one for the level that the configuration asks for. */
export type LogOption = Log | ((level: LogLevel) => Log);

export const logOf = (option: LogOption | undefined, level: LogLevel): Log =>
  typeof option === 'function' ? option(level) : (option ?? SILENT);

/** Lets a log that was made for the configured level follow to another one. Whoever hands in a log keeps its level. */
export const setLevel = (option: LogOption | undefined, log: Log, level: LogLevel): void => {
  if (typeof option === 'function' && log.level !== undefined) log.level = level;
};

const nothing: LogMethod = () => undefined;

const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
