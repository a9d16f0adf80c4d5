// What depot needs of a logger: pino has this shape. Fields first, then one plain sentence.

export type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

export interface Log {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

const nothing: LogMethod = () => undefined;

export const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
