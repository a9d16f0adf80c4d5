// What depot needs of a logger: pino has this shape. Fields first, then one plain sentence.

export type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

export interface Log {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

export type LogLevel = keyof Log;

/** A logger, or what makes one for the level that the configuration asks for. */
export type LogOption = Log | ((level: LogLevel) => Log);

export const logOf = (option: LogOption | undefined, level: LogLevel): Log =>
  typeof option === 'function' ? option(level) : (option ?? SILENT);

const nothing: LogMethod = () => undefined;

const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
