// Builds the dashboard: web/ into dist/web, as a handful of files without a hash in their names. `--if-missing` only
// where it is not there yet, so that `npm start` works in a fresh checkout.

import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'rolldown';
import { LICENCES, licencesOf } from './bundle.ts';

const source = path.join(import.meta.dirname, '../web');
const target = path.join(import.meta.dirname, '../dist/web');

if (!process.argv.includes('--if-missing') || !existsSync(path.join(target, 'index.html'))) {
  mkdirSync(target, { recursive: true });
  const { output } = await build({
    input: path.join(source, 'main.tsx'),
    platform: 'browser',
    transform: { target: 'es2022' },
    output: { file: path.join(target, 'app.js'), format: 'esm', minify: true },
  });
  writeFileSync(path.join(target, LICENCES), licencesOf(output));
  for (const file of ['index.html', 'app.css', 'icon.svg'])
    copyFileSync(path.join(source, file), path.join(target, file));
}
