// Holds the house to its plan: which part may know which, and how long a file may get.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';

const ROOT = path.join(import.meta.dirname, '..');
const SOURCE = path.join(ROOT, 'src');
const LONGEST_FILE = 400;

/** The parts that each part may import from, besides itself. Files at the top of src are parts of their own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  'log.ts': [],
  'directory-watch.ts': [],
  'version.ts': [],
  'socks': ['errors.ts'],
  'link': ['errors.ts', 'socks'],
  'rules': ['errors.ts', 'socks', 'link'],
  'net': ['errors.ts', 'socks', 'link', 'log.ts'],
  'entry': ['errors.ts', 'socks', 'link', 'log.ts', 'net', 'rules'],
  'store': ['errors.ts', 'rules'],
  'config': ['errors.ts', 'log.ts', 'directory-watch.ts', 'socks', 'link', 'rules'],
  'credentials': ['errors.ts', 'log.ts', 'directory-watch.ts', 'socks', 'net'],
  'watch': ['errors.ts', 'log.ts', 'socks', 'net', 'store', 'rules', 'credentials'],
  'server': [
    'errors.ts',
    'log.ts',
    'version.ts',
    'socks',
    'link',
    'net',
    'entry',
    'store',
    'config',
    'watch',
    'rules',
    'credentials',
  ],
  'uplink': ['errors.ts', 'log.ts', 'version.ts', 'socks', 'link', 'net', 'config', 'watch', 'credentials'],
  'local': ['errors.ts', 'log.ts', 'version.ts', 'socks', 'link', 'net', 'config', 'watch', 'rules', 'uplink'],
  'client': [
    'errors.ts',
    'log.ts',
    'version.ts',
    'socks',
    'link',
    'net',
    'entry',
    'config',
    'watch',
    'rules',
    'uplink',
  ],
};

/** Of these parts a lower one sees the types only: `watch` is handed what it shows. */
const TYPES_ONLY: Readonly<Record<string, readonly string[]>> = { watch: ['net', 'store'] };

/** What comes from outside; a part that is not here may use any. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  'log.ts': [],
  'socks': [],
  'link': ['zod'],
  'rules': ['node:net', 'zod'],
};

/** Only the library and the command line stand on top, and may see everything. */
const TOP = new Set(['index.ts', 'cli']);

interface Import {
  readonly file: string;
  readonly part: string;
  readonly specifier: string;
  /** The part that it leads to; undefined for a package. */
  readonly target: string | undefined;
  readonly typesOnly: boolean;
}

const partOf = (file: string): string => path.relative(SOURCE, file).split(path.sep)[0] ?? '';

const filesIn = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.join(directory, name));

/** Static imports, re-exports and imports at run time. */
const IMPORT =
  /^\s*(?:import|export)\s(?<type>type\s)?(?:[^'"();]*?\sfrom\s)?\s*['"](?<from>[^'"]+)['"]|import\(\s*['"](?<late>[^'"]+)['"]/gm;

const importsOf = (file: string): Import[] =>
  [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(({ groups }) => {
    const specifier = groups?.['from'] ?? groups?.['late'] ?? '';
    // The manifest of the package is no part.
    const isOwn = specifier.startsWith('.') && !specifier.endsWith('package.json');
    return {
      file: path.relative(ROOT, file),
      part: partOf(file),
      specifier,
      target: isOwn ? partOf(path.resolve(path.dirname(file), specifier)) : undefined,
      typesOnly: groups?.['type'] !== undefined,
    };
  });

const files = filesIn(SOURCE);
const imports = files.flatMap(importsOf);

const show = ({ file, specifier }: Import): string => `${file} imports ${specifier}`;

describe('the house', () => {
  it('is read as it is: imports over several lines, of types, for their effects and at run time', () => {
    const text = [
      "import a from './a.ts';",
      "import {\n  type B,\n  b,\n} from './b.ts';",
      "import type { C } from './c.ts';",
      "export { d } from './d.ts';",
      "import './e.ts';",
      "const f = await import('./f.ts');",
    ].join('\n');
    const found = [...text.matchAll(IMPORT)].map(({ groups }) => groups?.['from'] ?? groups?.['late']);
    assert.deepEqual(found, ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts']);
    assert.ok(imports.length > 100);
  });

  it('has no part that the plan does not know', () => {
    const unknown = files.map(partOf).filter((part) => !(part in MAY_IMPORT) && !TOP.has(part));
    assert.deepEqual([...new Set(unknown)], []);
  });

  it('has imports that point downwards only', () => {
    const wrong = imports.filter(
      ({ part, target }) =>
        target !== undefined && target !== part && !TOP.has(part) && !(MAY_IMPORT[part] ?? []).includes(target),
    );
    assert.deepEqual(wrong.map(show), []);
  });

  it('keeps no copy of the configuration, which a reload changes in place', () => {
    const copies = files.filter((file) =>
      /\.\.\.(?:this\.#)?(?:config|settings)\b(?!\.)/.test(readFileSync(file, 'utf8')),
    );
    assert.deepEqual(copies, []);
  });

  it('has a plan without a circle', () => {
    const reaches = (part: string, seen: readonly string[] = []): void => {
      assert.ok(!seen.includes(part), [...seen, part].join(' → '));
      for (const below of MAY_IMPORT[part] ?? []) reaches(below, [...seen, part]);
    };
    for (const part of Object.keys(MAY_IMPORT)) reaches(part);
  });

  it('keeps server, local and client apart', () => {
    const roles = ['server', 'local', 'client'];
    for (const role of roles) {
      for (const other of roles) assert.ok(!(MAY_IMPORT[role] ?? []).includes(other), `${role} and ${other}`);
    }
  });

  it('shows watch nothing of the data path and the state but their types', () => {
    const wrong = imports.filter(
      ({ part, target, typesOnly }) => target !== undefined && TYPES_ONLY[part]?.includes(target) && !typesOnly,
    );
    assert.deepEqual(wrong.map(show), []);
  });

  it('has nobody who imports the command line or the library', () => {
    const wrong = imports.filter(({ part, target }) => target !== undefined && TOP.has(target) && !TOP.has(part));
    assert.deepEqual(wrong.map(show), []);
  });

  it('is pure where it says so: no module of Node and no package but what is named', () => {
    const wrong = imports.filter(({ part, specifier, target }) => {
      const packages = PACKAGES[part];
      return target === undefined && packages !== undefined && !packages.includes(specifier);
    });
    assert.deepEqual(wrong.map(show), []);
  });

  it('has no clock, no timer, no process and no randomness where it is pure', () => {
    const impure = /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask|performance|process|Date|Math\.random)\b/;
    for (const file of files.filter((name) => PACKAGES[partOf(name)] !== undefined)) {
      const code = readFileSync(file, 'utf8').replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, '');
      assert.doesNotMatch(code, impure, path.relative(ROOT, file));
    }
  });

  it('touches sockets in net and watch only', () => {
    const sockets = /^node:(?:net|tls|http|https|http2|dgram|dns)(?:\/|$)/;
    const allowed = new Set(['net', 'watch', 'cli']);
    const wrong = imports.filter(
      ({ part, specifier, typesOnly }) => sockets.test(specifier) && !typesOnly && !allowed.has(part),
    );
    // BlockList is arithmetic on addresses; Node keeps it beside its sockets. Of HTTP the entry uses the parser alone: it is
    // handed streams, never listens and never connects.
    assert.deepEqual(wrong.map(show).sort(), [
      'src/entry/http-forward.ts imports node:http',
      'src/entry/http-refusal.ts imports node:http',
      'src/entry/http.ts imports node:http',
      'src/rules/network.ts imports node:net',
    ]);
  });

  it('has no drawer for what has no place', () => {
    const drawers = files.filter((file) => /(?:^|[/-])(?:utils?|helpers?|common|misc)(?:\.ts|\/)/.test(file));
    assert.deepEqual(drawers, []);
  });

  for (const [where, names] of [
    ['src', files],
    ['test', filesIn(path.join(ROOT, 'test'))],
  ] as const) {
    it(`has no file in ${where} of ${LONGEST_FILE} lines or more`, () => {
      const tooLong = names
        .map((file) => ({ file: path.relative(ROOT, file), lines: readFileSync(file, 'utf8').split('\n').length - 1 }))
        .filter(({ lines }) => lines >= LONGEST_FILE);
      assert.deepEqual(tooLong, []);
    });
  }
});
