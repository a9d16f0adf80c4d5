// What all builds share: own code and its libraries as plain JavaScript, and the licences of what was put in.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type OutputOptions, rolldown, type RolldownOutput } from 'rolldown';

export const ROOT = path.join(import.meta.dirname, '..');
/** Where the licences of libraries lie, beside what contains them. */
export const LICENCES = 'THIRD-PARTY-LICENSES';
export const RULE = `\n${'-'.repeat(80)}\n\n`;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string;
}

/** Packages that say in their manifest what their licence is, and bring no text of it. */
const WITHOUT_TEXT = new Set(['@bomb.sh/tab']);

/** The words of the MIT licence are those of our own. */
const mitText = (): string => {
  const own = readFileSync(path.join(ROOT, 'LICENSE'), 'utf8');
  return own.slice(own.indexOf('Permission is hereby granted')).trim();
};

/** What may be given on with a notice. */
const PERMISSIVE = new Set(['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Apache-2.0']);

const licenceOf = (directory: string, { name, license, author }: Manifest): string => {
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  if (file !== undefined) return readFileSync(path.join(directory, file), 'utf8').trim();
  if (WITHOUT_TEXT.has(name) && license === 'MIT') return `Copyright (c) ${author}\n\n${mitText()}`;
  throw new Error(`${directory} has no licence file, and is about to be published`);
};

/** The directories of all packages that these modules come from. */
const packagesOf = (modules: readonly string[]): string[] => {
  const found = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []);
  return [...new Set(found)].sort();
};

const describe = (directory: string): string => {
  const manifest = readFileSync(path.join(directory, 'package.json'), 'utf8');
  const described = JSON.parse(manifest) as Manifest;
  const { name, version, license = 'no licence' } = described;
  if (!PERMISSIVE.has(license)) throw new Error(`${name} is under ${license}, and is about to be published`);
  return `${name} ${version}\n\n${licenceOf(directory, described)}\n`;
};

/** The licences of all libraries that went into these files. */
export const licencesOf = (files: RolldownOutput['output']): string => {
  const modules = files.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  return packagesOf(modules).map(describe).join(RULE);
};

/** Bundles, and returns the licences of every library inside. */
export const bundle = async (input: Readonly<Record<string, string>>, output: OutputOptions): Promise<string> => {
  const build = await rolldown({ cwd: ROOT, input, platform: 'node' });
  // Names stay, so that a stack trace says something.
  const minify = { compress: true, mangle: false, codegen: { removeWhitespace: false } };
  const written = await build.write({ format: 'esm', minify, ...output });
  return licencesOf(written.output);
};
