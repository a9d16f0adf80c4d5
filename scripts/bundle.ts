// What all builds share: own code and its libraries as plain JavaScript, and the licences of what was put in.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type OutputOptions, rolldown, type RolldownOutput } from 'rolldown';

export const ROOT = path.join(import.meta.dirname, '..');
/** Where the licences of libraries lie, beside what contains them. */
export const LICENCES = 'THIRD-PARTY-LICENSES';
export const RULE = `\n${'-'.repeat(80)}\n\n`;

const licenceOf = (directory: string): string => {
  const file = readdirSync(directory).find((name) => /^licen[cs]e/i.test(name));
  if (file === undefined) throw new Error(`${directory} has no licence file, and is about to be published`);
  return readFileSync(path.join(directory, file), 'utf8').trim();
};

/** The directories of all packages that these modules come from. */
const packagesOf = (modules: readonly string[]): string[] => {
  const found = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []);
  return [...new Set(found)].sort();
};

const describe = (directory: string): string => {
  const manifest = readFileSync(path.join(directory, 'package.json'), 'utf8');
  const { name, version } = JSON.parse(manifest) as { name: string; version: string };
  return `${name} ${version}\n\n${licenceOf(directory)}\n`;
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
