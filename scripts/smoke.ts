// Does what was built for publishing start at all? Packs the package, unpacks it elsewhere and runs its command from there.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const directory = mkdtempSync(path.join(tmpdir(), 'depot-smoke-'));
try {
  const pack = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', directory], {
    cwd: root,
  });
  const packed = JSON.parse(pack.toString()) as Record<string, { filename: string }> | { filename: string }[];
  const [{ filename } = { filename: '' }] = Object.values(packed);
  execFileSync('tar', ['-xzf', path.join(directory, filename), '-C', directory]);
  symlinkSync(path.join(root, 'node_modules'), path.join(directory, 'node_modules'));
  const depot = path.join(directory, 'package', 'bin', 'depot.cjs');
  const help = execFileSync(process.execPath, [depot, '--help']).toString();
  if (!help.includes('server') || !help.includes('local'))
    throw new Error(`the packed command does not know its commands:\n${help}`);
  process.stdout.write(`the packed command starts (${filename})\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
