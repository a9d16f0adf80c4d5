// Nodes that depot is to run on, and that it is to refuse, besides the one that works on it: npm's package `node` has
// them all.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './bundle.ts';

const engines = (JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } })
  .engines.node;
const [, major = 0, minor = 0] = (/^>=(\d+)\.(\d+)$/.exec(engines) ?? []).map(Number);

/** The oldest one that the manifest promises, and the newest of that line. */
export const GOOD_NODES: readonly string[] = [`${major}.${minor}.0`, `${major}`];
/** The one just before it, and one that many machines have. */
export const OLD_NODES: readonly string[] = [`${major}.${minor - 1}.0`, '20'];

/** Installs that version into a directory of its own, and returns its executable. */
export const installNode = (version: string, directory: string): string => {
  const place = path.join(directory, `node-${version}`);
  mkdirSync(place);
  writeFileSync(path.join(place, 'package.json'), '{ "allowScripts": { "node": true } }');
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', `node@${version}`];
  execFileSync('npm', install, { cwd: place, stdio: ['ignore', 'ignore', 'inherit'] });
  const node = path.join(place, 'node_modules', 'node', 'bin', 'node');
  const said = execFileSync(node, ['--version']).toString();
  assert.ok(said.startsWith(`v${version}`), `${said} is not ${version}`);
  return node;
};

/** An old Node says in one sentence what depot needs, whatever it is asked for, and does nothing. */
export const checkRefusal = (node: string, program: string): void => {
  for (const args of [['--version'], ['doctor'], ['server']]) {
    const { status, stdout, stderr } = spawnSync(node, [program, ...args], { encoding: 'utf8' });
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
    assert.match(
      stderr,
      new RegExp(String.raw`^depot needs Node ${major}\.${minor} or newer, this is [\d.]+\. Install .*\n$`),
    );
  }
};
