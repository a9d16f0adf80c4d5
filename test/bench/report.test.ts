// The documents say what was measured: tables and plots are those that the kept results give.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { renderDocument, renderPlots } from '../../bench/report/render.ts';
import { LATEST, readResults, type Result, summarize } from '../../bench/results.ts';

const DOCS = path.join(import.meta.dirname, '..', '..', 'docs');
const OUTDATED = 'run `npm run bench:report` after a benchmark';

const result = (figures: Record<string, Record<string, number>[]>): Result => ({
  group: 'bulk',
  date: '2026-01-02',
  rounds: 3,
  machine: { cpu: 'abacus', cores: 2, kernel: '7', node: 'v26' },
  versions: { frp: '0.1' },
  figures: Object.fromEntries(Object.entries(figures).map(([name, rounds]) => [name, summarize(rounds)])),
});

const MARKS = 'before\n\n<!-- bench:bulk -->\nold\n<!-- /bench -->\n\nafter\n';

describe('the report', () => {
  it('is what the documents show', () => {
    const results = readResults(LATEST);
    const document = readFileSync(path.join(DOCS, 'performance.md'), 'utf8');
    assert.equal(renderDocument(document, results), document, OUTDATED);
    const plots = renderPlots(results);
    assert.deepEqual(readdirSync(path.join(DOCS, 'plots')).toSorted(), Object.keys(plots).toSorted());
    for (const [file, content] of Object.entries(plots))
      assert.equal(readFileSync(path.join(DOCS, 'plots', file), 'utf8'), content, `${file}: ${OUTDATED}`);
  });

  it('gives medians, and ratios to the references of the same run', () => {
    const rounds = (...values: number[]): Record<string, number>[] => values.map((mbPerSecond) => ({ mbPerSecond }));
    const figures = { 'direct': rounds(400), 'depot': rounds(90, 100, 300), 'ssh -R aes-gcm': rounds(40, 60) };
    const written = renderDocument(MARKS, { '1 stream down': result(figures) });
    assert.match(written, /^before\n\n<!-- bench:bulk -->\n\nMedian of 3 rounds; abacus, 2 cores/);
    assert.match(written, /\| +MB\/s \| +× direct \| +× aes-gcm \|/);
    assert.match(written, /\| depot +\| +100 \| +0\.25 \| +2\.00 \|/);
    assert.match(written, /<!-- \/bench -->\n\nafter\n$/);
    assert.doesNotMatch(written, /old/);
  });

  it('draws a bar per contestant, and says so where nothing was measured', () => {
    const figures = { 'depot': [{ mbPerSecond: 10 }], 'a<b': [{ mbPerSecond: 5 }] };
    const plot = renderPlots({ '1 stream down': result(figures) })['bulk.svg'] ?? '';
    assert.equal(plot.match(/<rect /g)?.length, 2);
    assert.match(plot, />a&lt;b</);
    assert.match(renderDocument(MARKS, {}), /Not measured yet/);
    assert.throws(() => renderDocument('<!-- bench:tea -->\n<!-- /bench -->', {}), /tea/);
  });
});
