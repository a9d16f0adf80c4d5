// The configuration file of a role: which one it is, and what it says, as plain values by key. Knows no setting.

import { readFileSync } from 'node:fs';
import { DepotError, errnoOf, messageOf } from '../errors.ts';

export interface ConfigFiles {
  /** Where it may be, in one format or another; at most one of them. */
  readonly files: readonly string[];
  /** Whether it has to be there; where it is not, it says nothing. */
  readonly required: boolean;
}

export interface FileContent {
  readonly values: Readonly<Record<string, unknown>>;
  /** Where each key stands, as a person would look for it. */
  readonly places: Readonly<Record<string, string>>;
}

interface Parsed {
  readonly value: unknown;
  /** Line and column by key, where they are known. */
  readonly places?: ReadonlyMap<string, string>;
}

interface Format {
  readonly name: string;
  readonly example: string;
  /** What reads it is loaded only when there is such a file. */
  readonly load: () => Promise<(text: string) => Parsed>;
}

const JSON_FORMAT: Format = {
  name: 'JSON',
  example: 'one JSON object, like { "socksPort": 8864 }',
  load: async () => (text) => ({ value: JSON.parse(text) as unknown }),
};

const YAML_FORMAT: Format = {
  name: 'YAML',
  example: 'keys and their values, like socksPort: 8864',
  load: async () => (await import('./yaml.ts')).parseYaml,
};

const formatOf = (file: string): Format => (/\.ya?ml$/i.test(file) ? YAML_FORMAT : JSON_FORMAT);

/** Undefined where it is not there. */
const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new DepotError('invalid-config', `Cannot read ${file}: ${errnoOf(error) ?? messageOf(error)}.`, {
      cause: error,
    });
  }
};

const parse = (
  file: string,
  text: string,
  { name, example }: Format,
  parser: (text: string) => Parsed,
): FileContent => {
  let parsed: Parsed;
  try {
    parsed = parser(text);
  } catch (error) {
    // Parsers repeat a part of the file, with its lines.
    const why = messageOf(error).replaceAll(/\s+/g, ' ');
    throw new DepotError('invalid-config', `${file} is no ${name}: ${why}.`, { cause: error });
  }
  const { value = {}, places } = parsed;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DepotError('invalid-config', `${file} has to hold ${example}.`);
  const { $schema: _forEditors, ...values } = value as Record<string, unknown>;
  const placeOf = (key: string): string => {
    const place = places?.get(key);
    return place === undefined ? `${file}: ${key}` : `${file}:${place}: ${key}`;
  };
  return { values, places: Object.fromEntries(Object.keys(values).map((key) => [key, placeOf(key)])) };
};

/** Throws `invalid-config`: the file, the place in it where that is known, and what is wrong. */
export const readConfigFile = async ({ files, required }: ConfigFiles): Promise<FileContent> => {
  const found = files.map((file) => ({ file, text: textOf(file) })).filter(({ text }) => text !== undefined);
  const [first, another] = found;
  if (another !== undefined) {
    const names = found.map(({ file }) => file).join(' and ');
    throw new DepotError('invalid-config', `There are ${names}; depot reads one. Keep the one that counts.`);
  }
  if (first?.text === undefined) {
    if (!required) return { values: {}, places: {} };
    throw new DepotError('invalid-config', `Cannot read ${files.join(' or ')}: ENOENT.`);
  }
  const format = formatOf(first.file);
  return parse(first.file, first.text, format, await format.load());
};
