// A private directory of a test's own, gone when the test is.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

export const temporaryDirectory = (t: TestContext): string => {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};
