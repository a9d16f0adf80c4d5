// npm run build:man: dist/man/depot.1, from the commands.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createWholeProgram } from '../src/cli/program.ts';
import { VERSION } from '../src/version.ts';
import { ROOT } from './bundle.ts';
import { renderManPage } from './man-page.ts';

const directory = path.join(ROOT, 'dist', 'man');
mkdirSync(directory, { recursive: true });
writeFileSync(path.join(directory, 'depot.1'), renderManPage(await createWholeProgram(), VERSION));
