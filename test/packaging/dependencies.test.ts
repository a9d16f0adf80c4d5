// docs/dependencies.md says what others wrote of what we ship and use, and under which licence: what the lock file says.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

const ROOT = path.join(import.meta.dirname, '../..');
/** What may be given on with a notice. */
const PERMISSIVE = new Set(['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Apache-2.0']);

interface Locked {
  readonly version: string;
  readonly license: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
}

interface Row {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

const read = (name: string): string => readFileSync(path.join(ROOT, name), 'utf8');
const manifest = JSON.parse(read('package.json')) as Record<string, Readonly<Record<string, string>> | undefined>;
const locked = (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked | undefined> }).packages;

/** The rows under a heading of the page. */
const rowsUnder = (heading: string): Row[] => {
  const [, section = ''] = read('docs/dependencies.md').split(heading);
  const [own = ''] = section.split(/^##/m);
  const cells = own.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  return cells
    .map(([, name = '', version = '', licence = '']) => ({ name, version, licence }))
    .filter(({ name }) => name !== '' && name !== 'package' && !name.startsWith('-'));
};

const shipped = rowsUnder('## What depot needs to run\n');
const broughtAlong = rowsUnder('### What those bring along\n');
const tools = rowsUnder('## What building and testing needs\n');

/** Where Node finds a package: beside the one that wants it, or further up. */
const locate = (from: string, name: string): string => {
  const place = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (locked[place] !== undefined) return place;
  assert.notEqual(from, '', `${name} is not in the lock file`);
  return locate(from.slice(0, Math.max(0, from.lastIndexOf('node_modules/') - 1)), name);
};

const dependenciesOf = (place: string): string[] => {
  const { dependencies, optionalDependencies } = locked[place] ?? {};
  return Object.keys({ ...dependencies, ...optionalDependencies }).map((name) => locate(place, name));
};

/** These packages, and whatever they need. */
const closureOf = (places: readonly string[], seen = new Set<string>()): Set<string> => {
  for (const place of places.filter((candidate) => !seen.has(candidate)))
    closureOf(dependenciesOf(place), seen.add(place));
  return seen;
};

const nameOf = (place: string): string => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
const rowOf = (place: string): Row => {
  const { version = '', license = '' } = locked[place] ?? {};
  return { name: nameOf(place), version, licence: license };
};
const byName = (rows: readonly Row[]): Row[] => rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));

describe('docs/dependencies.md', () => {
  test('has a line for each package that the manifest names, as the lock file has it', () => {
    const named = Object.keys({ ...manifest['dependencies'], ...manifest['devDependencies'] });
    assert.deepEqual(byName([...shipped, ...tools]), byName(named.map((name) => rowOf(locate('', name)))));
  });

  test('has a line for each package that those bring along which are shipped', () => {
    const roots = shipped.map(({ name }) => locate('', name));
    const rows = [...closureOf(roots)].filter((place) => !roots.includes(place)).map(rowOf);
    const versions = Map.groupBy(rows, ({ name }) => name);
    const merged = [...versions.entries()].map(([name, [first, ...more]]) => ({
      name,
      version: [first, ...more]
        .map((row) => row?.version ?? '')
        .toSorted((a, b) => a.localeCompare(b))
        .join(', '),
      licence: first?.licence ?? '',
    }));
    assert.deepEqual(byName(broughtAlong), byName(merged));
  });
});

test('what is shipped is under licences that ask for a notice and no more', () => {
  assert.ok(shipped.length > 10 && broughtAlong.length > 10);
  for (const { name, licence } of [...shipped, ...broughtAlong])
    assert.ok(PERMISSIVE.has(licence), `${name}: ${licence}`);
});

test('one package of all may run a script when it is installed: the Node that we work with', () => {
  const scripted = Object.keys(locked).filter((place) => locked[place]?.hasInstallScript === true);
  assert.deepEqual(scripted.map(nameOf), ['node']);
});
