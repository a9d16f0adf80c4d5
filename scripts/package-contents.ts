// What the package is made of, as it is installed: only what it needs, nothing that runs by itself, nothing of the
// machine that built it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './bundle.ts';

/** Packed. docs/releasing.md says it, too. */
const MOST_BYTES = 650_000;

/** Every file is of one of these kinds, and of each kind there is one. */
const KINDS: readonly RegExp[] = [
  /^package\.json$/,
  /^LICENSE$/,
  /^README\.md$/,
  /^(?:CHANGELOG|SECURITY)\.md$/,
  /^bin\/depot\.cjs$/,
  /^bin\/start\.cjs$/,
  /^dist\/js\/main\.js$/,
  /^dist\/js\/index\.js$/,
  /^dist\/js\/[\w-]+\.js$/,
  /^dist\/types\/src\/(?:[\w-]+\/)*[\w-]+\.d\.ts$/,
  /^dist\/web\/app\.js$/,
  /^dist\/web\/(?:app\.css|icon\.svg|index\.html)$/,
  /^dist\/(?:js|web)\/THIRD-PARTY-LICENSES$/,
  /^dist\/man\/depot\.1$/,
  /^schema\/(?:server|local|client)\.json$/,
];
/** What npm would run, or fetch, where the package is installed. */
const BY_ITSELF = ['preinstall', 'install', 'postinstall', 'preuninstall', 'uninstall', 'postuninstall'];
const FETCHED = ['dependencies', 'optionalDependencies', 'bundleDependencies', 'bundledDependencies'];
const NOT_OURS_TO_TELL: readonly (readonly [string, RegExp])[] = [
  ['a place on the machine that built it', new RegExp(RegExp.escape(ROOT))],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]{40}/],
  ['a source map', /\bsourceMappingURL=/],
];

/** Throws an `AssertionError` where something is missing from the directory that it was installed to, or too much. */
export const checkContents = (directory: string, packedBytes: number): void => {
  assert.ok(packedBytes <= MOST_BYTES, `${packedBytes} bytes are more than ${MOST_BYTES}`);
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)));
  assert.deepEqual(
    files.filter((file) => !KINDS.some((kind) => kind.test(file))),
    [],
    'nobody knows what these are for',
  );
  for (const kind of KINDS)
    assert.ok(
      files.some((file) => kind.test(file)),
      `there is no ${kind.source}`,
    );
  for (const file of files) {
    const text = readFileSync(path.join(directory, file), 'utf8');
    for (const [what, pattern] of NOT_OURS_TO_TELL) assert.doesNotMatch(text, pattern, `${file} has ${what} in it`);
  }
  const manifest = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')) as {
    readonly scripts: object;
    readonly license: string;
  };
  assert.deepEqual(
    BY_ITSELF.filter((name) => Object.hasOwn(manifest.scripts, name)),
    [],
  );
  assert.deepEqual(
    FETCHED.filter((name) => Object.hasOwn(manifest, name)),
    [],
  );
  assert.equal(manifest.license, 'MIT');
};
