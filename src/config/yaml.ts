// A configuration file in YAML 1.2 as plain values, and the line that each key stands in. Loaded only where there is one.

import { isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';

export interface ParsedYaml {
  /** Undefined where the file says nothing but comments. */
  readonly value: unknown;
  /** Line and column of each key at the top, from 1. */
  readonly places: ReadonlyMap<string, string>;
}

/** A file that repeats itself more often than this means to fill the memory. */
const MOST_ALIASES = 100;

/**
 * Strict: one document, no key twice, no tag that is not YAML's own. Throws what is wrong, with line and column, and
 * without the text that stands there: it may be a secret.
 */
export const parseYaml = (text: string): ParsedYaml => {
  const lines = new LineCounter();
  const placeOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${line}:${col}`;
  };
  const refuse = (offset: number, why: string): never => {
    throw new SyntaxError(`${why} (line ${placeOf(offset).replace(':', ', column ')})`);
  };
  const document = parseDocument(text, { lineCounter: lines, stringKeys: true, prettyErrors: false });
  const [wrong] = [...document.errors, ...document.warnings];
  if (wrong !== undefined)
    refuse(wrong.pos[0], wrong.code === 'MULTIPLE_DOCS' ? 'One document is expected, not several' : wrong.message);
  // YAML 1.1 would read `no` as false.
  if (document.directives?.yaml.version === '1.1') refuse(0, 'YAML 1.2 is expected');
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined)
        refuse(alias.range?.[0] ?? 0, `Nothing before this is called &${alias.source}`);
    },
  });
  const keys: unknown[] = isMap(document.contents) ? document.contents.items.map(({ key }) => key) : [];
  const places = keys.filter(isScalar).map((key) => [String(key.value), placeOf(key.range?.[0] ?? 0)] as const);
  return { value: document.toJS({ maxAliasCount: MOST_ALIASES }) ?? undefined, places: new Map(places) };
};
