// Puts a configuration together: flag before variable before file before default. What is wrong is named with its place.

import { z } from 'zod';
import { DepotError } from '../errors.ts';
import { type ConfigFiles, readConfigFile } from './file.ts';
import { nearest } from './nearest.ts';

export interface ConfigSources extends ConfigFiles {
  /** What the command line said, by key. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: NodeJS.ProcessEnv;
}

/** `socksPort` is `DEPOT_SOCKS_PORT` in the environment. */
export const variableOf = (key: string): string => `DEPOT_${key.replace(/[A-Z]/g, '_$&').toUpperCase()}`;

/** `socksPort` is `--socks-port` on the command line. */
export const flagOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The schema under defaults and optionals. */
const innerType = (schema: z.core.$ZodType): z.core.$ZodType => {
  const { def } = schema._zod;
  return 'innerType' in def ? innerType(def.innerType as z.core.$ZodType) : schema;
};

/** An `object` has a key in the file, and neither flag nor variable. */
export const kindOf = (schema: z.core.$ZodType): 'boolean' | 'number' | 'list' | 'object' | 'text' => {
  const inner = innerType(schema);
  if (inner instanceof z.ZodBoolean) return 'boolean';
  if (inner instanceof z.ZodNumber) return 'number';
  if (inner instanceof z.ZodRecord) return 'object';
  return inner instanceof z.ZodArray ? 'list' : 'text';
};

/** Text from a flag or a variable, as the schema wants it; what does not fit is left for the schema to refuse. */
const fromText = (schema: z.core.$ZodType, text: string): unknown => {
  switch (kindOf(schema)) {
    case 'boolean':
      return { true: true, false: false, 1: true, 0: false }[text] ?? text;
    case 'number':
      return text.trim() === '' ? text : Number.isNaN(Number(text)) ? text : Number(text);
    case 'list':
      // `allow` and `deny` belong to what follows them.
      return text.split(/(?<!(?:^|\s)(?:allow|deny))\s+/).filter((item) => item !== '');
    case 'object':
    case 'text':
      return text;
  }
};

const didYouMean = (key: string, known: readonly string[]): string => {
  const candidate = nearest(key, known);
  return candidate === undefined ? ` Known are: ${known.join(', ')}.` : ` Did you mean ${candidate}?`;
};

const describe = (issue: z.core.$ZodIssue, known: readonly string[], placeOf: (key: string) => string): string => {
  const [key, ...rest] = issue.path;
  if (issue.code === 'unrecognized_keys' && key !== undefined)
    return `${placeOf(String(key))}${within(rest)}: there is no such key as ${issue.keys.join(', ')} here.`;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${placeOf(key)}: there is no such key.${didYouMean(key, known)}`).join('\n');
  }
  return `${placeOf(String(key))}${within(rest)}: ${issue.message}.`;
};

/** `[0].from[1]`: where inside a setting. */
const within = (keys: readonly PropertyKey[]): string =>
  keys.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');

/** What was said of each key, and where: a flag, a variable, or a key of the file. */
interface Gathered {
  readonly values: Readonly<Record<string, unknown>>;
  readonly places: Readonly<Record<string, string>>;
}

const gather = async (schema: z.ZodObject, { flags, env, ...files }: ConfigSources): Promise<Gathered> => {
  const file = await readConfigFile(files);
  const values = { ...file.values };
  const places = { ...file.places };
  for (const [key, field] of Object.entries(schema.shape)) {
    const variable = kindOf(field) === 'object' ? undefined : env[variableOf(key)];
    const flag = flags[key];
    if (flag !== undefined) {
      values[key] = typeof flag === 'string' ? fromText(field, flag) : flag;
      places[key] = flagOf(key);
    } else if (variable !== undefined) {
      values[key] = fromText(field, variable);
      places[key] = variableOf(key);
    }
  }
  return { values, places };
};

const parse = <S extends z.ZodObject>(schema: S, { values, places }: Gathered): z.output<S> => {
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const known = Object.keys(schema.shape);
  const lines = result.error.issues.map((issue) => describe(issue, known, (key) => places[key] ?? key));
  throw new DepotError('invalid-config', lines.join('\n'));
};

/** Throws `invalid-config`: the place, the key, what is wrong and what is expected. */
export const loadConfig = async <S extends z.ZodObject>(schema: S, sources: ConfigSources): Promise<z.output<S>> =>
  parse(schema, await gather(schema, sources));

/** A setting in force. */
export interface Setting {
  readonly key: string;
  /** Undefined where nobody said anything and there is no default. */
  readonly value: unknown;
  /** The flag, the variable, or the file and its key; null for a default. */
  readonly from: string | null;
}

/** Every setting as `loadConfig` would have it, and where it came from. Throws the same. */
export const explainConfig = async (schema: z.ZodObject, sources: ConfigSources): Promise<Setting[]> => {
  const gathered = await gather(schema, sources);
  const config: Record<string, unknown> = parse(schema, gathered);
  return Object.keys(schema.shape).map((key) => ({ key, value: config[key], from: gathered.places[key] ?? null }));
};
