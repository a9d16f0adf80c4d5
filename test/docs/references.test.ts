// What the documentation names is there: files and headings that it links to, commands, flags, variables, settings and
// error codes.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { Command } from 'commander';
import { createWholeProgram } from '../../src/cli/program.ts';
import { ClientConfig, LocalConfig, ServerConfig } from '../../src/config/schema.ts';
import { DepotError, ERROR_CODES } from '../../src/errors.ts';
import { blocksOf } from './page.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const SCHEMAS = [ServerConfig, LocalConfig, ClientConfig];
const SETTINGS = new Set(SCHEMAS.flatMap((schema) => Object.keys(schema.shape)));

const pages = ['.', 'docs', 'packaging']
  .flatMap((folder) => readdirSync(path.join(ROOT, folder)).map((name) => path.join(folder, name)))
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(path.join(ROOT, name), 'utf8') }));

const withoutCode = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, '').replaceAll(/^ {4}.*$/gm, '');

/** As GitHub makes them. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

const missingLinks = (name: string, text: string): string[] => {
  const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path.join(ROOT, name) : path.join(ROOT, path.dirname(name), file);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).has(anchor);
    });
};

/** Code of a page as lines: blocks, indented blocks, and what stands in backquotes. */
const codeOf = (text: string): string[] => [
  ...blocksOf(text).flatMap(({ lines }) => lines),
  ...[...text.matchAll(/^ {4}(.*)$/gm)].map(([, line = '']) => line),
  ...[...withoutCode(text).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code),
];

/** `depot` where a shell would look for a command. */
const INVOCATION = /(?:^\s*|[a-z][$#] +|sudo |npx |& |\$\()depot ((?:--)?[a-z][^#;|`)&]*)/g;

/** What of a command line depot does not know. */
const unknownOf = (program: Command, words: readonly string[]): string[] => {
  const [first, ...rest] = words;
  const command = program.commands.find((candidate) => candidate.name() === first);
  if (command !== undefined) return unknownOf(command, rest);
  if (first !== undefined && program.name() === 'depot' && !first.startsWith('-')) return [first];
  const end = words.indexOf('--');
  const flags = words.slice(0, end === -1 ? undefined : end).filter((word) => word.startsWith('--'));
  const known = new Set(['--help', '--version', ...program.options.map(({ long }) => long)]);
  return flags.map((flag) => flag.replace(/=.*/, '')).filter((flag) => !known.has(flag));
};

const wordsOf = (line: string): string[] =>
  line
    .replaceAll(/['"[\]]/g, '')
    .split(/[\s,.:]+(?=\s|$)|\s+/)
    .filter((word) => word !== '');

describe('references', async () => {
  const program = await createWholeProgram();
  for (const { name, text } of pages) {
    test(`${name}: links`, () => assert.deepEqual(missingLinks(name, text), []));
    test(`${name}: commands, variables and settings`, () => {
      const invocations = codeOf(text).flatMap((line) => [...line.matchAll(INVOCATION)].map(([, words = '']) => words));
      const unknown = invocations.flatMap((words) => unknownOf(program, wordsOf(words)).map((word) => [words, word]));
      assert.deepEqual(unknown, []);
      const variables = [...text.matchAll(/\bDEPOT_(?!BENCH|LINK\b)([A-Z_]+)\b/g)].map(([, variable = '']) =>
        variable.toLowerCase().replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      );
      assert.deepEqual(
        variables.filter((key) => key !== 'home' && !SETTINGS.has(key)),
        [],
      );
    });
    test(`${name}: configurations`, () => {
      for (const example of configurationsOf(text))
        assert.ok(
          SCHEMAS.some((schema) => schema.safeParse(example).success),
          JSON.stringify(example),
        );
    });
  }
});

/** Objects in JSON of which a key is a setting. */
const configurationsOf = (text: string): unknown[] => {
  const blocks = blocksOf(text).filter(({ language }) => language === 'json');
  const candidates = [...blocks.map(({ lines }) => lines.join('\n')), ...codeOf(text)];
  return candidates.filter((code) => code.trimStart().startsWith('{')).flatMap((code) => parsed(code));
};

const parsed = (code: string): unknown[] => {
  let value: unknown;
  try {
    value = JSON.parse(code);
  } catch {
    return [];
  }
  if (typeof value !== 'object' || value === null) return [];
  const { $schema: _, ...settings } = value as Record<string, unknown>;
  return Object.keys(settings).some((key) => SETTINGS.has(key)) ? [settings] : [];
};

test('troubleshooting has a line for every error code, with its REP and its HTTP status', () => {
  const { text } = pages.find(({ name }) => name.endsWith('troubleshooting.md')) ?? { text: '' };
  const rows = [...text.matchAll(/^\| `([a-z-]+)` +\| (\d) +\| (\d{3}) +\| (.+?) +\| (.+?) +\|$/gm)];
  assert.deepEqual(
    rows.map(([, code, reply, status]) => `${code} ${reply} ${status}`).toSorted(),
    ERROR_CODES.map((code) => {
      const { reply, http } = new DepotError(code, '');
      return `${code} ${reply} ${http.status}`;
    }).toSorted(),
  );
});

test('the page about the log names every event that is written', () => {
  const { text } = pages.find(({ name }) => name.endsWith('logging.md')) ?? { text: '' };
  const source = path.join(ROOT, 'src');
  const events = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(path.join(source, file), 'utf8').matchAll(/\{\s*event: '([a-z-]+)'/g)])
    .map(([, event = '']) => event);
  assert.ok(events.includes('turned-away'));
  assert.deepEqual(
    [...new Set(events)].filter((event) => !text.includes(`\`${event}\``)),
    [],
  );
});
