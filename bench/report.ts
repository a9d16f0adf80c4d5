// npm run bench:report: writes tables and plots from bench/results/latest.json into the documents.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { renderDocument, renderPlots } from './report/render.ts';
import { LATEST, readResults } from './results.ts';

const DOCS = path.join(import.meta.dirname, '..', 'docs');
const DOCUMENT = path.join(DOCS, 'performance.md');
const PLOTS = path.join(DOCS, 'plots');

const results = readResults(LATEST);
writeFileSync(DOCUMENT, renderDocument(readFileSync(DOCUMENT, 'utf8'), results));
mkdirSync(PLOTS, { recursive: true });
for (const [file, content] of Object.entries(renderPlots(results))) writeFileSync(path.join(PLOTS, file), content);
