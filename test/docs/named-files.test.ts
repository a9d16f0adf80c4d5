// What the documents name as proof has to be there.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.join(import.meta.dirname, '../..');

for (const document of ['SECURITY.md', 'docs/reliability.md']) {
  test(`every source and test that ${document} names exists`, () => {
    const text = readFileSync(path.join(ROOT, document), 'utf8');
    const named = [...text.matchAll(/\b(?:src|test|bench|scripts)\/[\w/.-]+\.ts\b/g)].map(([file]) => file);
    assert.deepEqual(
      named.filter((file) => !existsSync(path.join(ROOT, file))),
      [],
    );
  });
}

test('each row of the threat model names what shows it', () => {
  const [, section = ''] = readFileSync(path.join(ROOT, 'SECURITY.md'), 'utf8').split('\n## Who might do what');
  const rows = section.split('\n### ')[0]?.match(/^\| (?!who|-).*$/gm) ?? [];
  assert.ok(rows.length >= 8, `${rows.length} rows`);
  for (const row of rows) assert.match(row, /test\/[\w/.-]+\.test\.ts/, row);
});
