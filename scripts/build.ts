// The JavaScript of the package: command line and library in dist/js, everything they need inside. In pieces, so that a
// command loads only what it needs; all of them in one folder, for the dashboard is found from there.

import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bundle, LICENCES, ROOT } from './bundle.ts';

const DIST = path.join(ROOT, 'dist');

rmSync(DIST, { recursive: true, force: true });
const licences = await bundle(
  { main: 'src/cli/main.ts', index: 'src/index.ts' },
  { dir: path.join(DIST, 'js'), chunkFileNames: '[name]-[hash].js' },
);
writeFileSync(path.join(DIST, 'js', LICENCES), licences);
