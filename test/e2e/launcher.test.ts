// bin: the launcher, before anything of depot is loaded. What it keeps of compiled code is run at the next start, so
// it may lie only where nobody else can write.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { BIN } from '../support/cli.ts';
import { tempDir } from '../support/depot.ts';
import { type Finished, run } from '../support/programs.ts';

const version = (cache: string): Promise<Finished> =>
  run(process.execPath, [BIN, '--version'], { env: { XDG_CACHE_HOME: cache, NODE_COMPILE_CACHE: undefined } });

const starts = async (cache: string): Promise<void> => {
  const { code, stdout, stderr } = await version(cache);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
};

describe('compiled code', () => {
  test('is kept in the cache of the user, for nobody else', async () => {
    using home = tempDir();
    await starts(home.path);
    const directory = path.join(home.path, 'depot', 'compiled');
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.notDeepEqual(readdirSync(directory), []);
    await starts(home.path);
  });

  test('is not kept where others can write', async () => {
    using home = tempDir();
    const directory = path.join(home.path, 'depot', 'compiled');
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o777);
    await starts(home.path);
    assert.deepEqual(readdirSync(directory), []);
  });

  test('is not kept where nothing can be, and depot starts all the same', async () => {
    using home = tempDir();
    const file = path.join(home.path, 'file');
    writeFileSync(file, '');
    await starts(file);
  });
});

test('the file that an old Node reads has nothing in it that an old Node cannot read', () => {
  const code = readFileSync(BIN, 'utf8').replaceAll(/\/\/.*/g, '');
  assert.doesNotMatch(code, /\bconst\b|\blet\b|=>|`|\bimport\b|\?\.|\basync\b/);
  assert.match(code, /depot needs Node/);
});
