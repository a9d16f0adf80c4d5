// A server that is killed in the middle of writing: what it said was done is there when the store is opened again.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { Store } from '../../src/store/store.ts';
import { tempDir } from '../support/depot.ts';

const STORE = path.join(import.meta.dirname, '../../src/store/store.ts');

/** Adds one user after the other for ever, and says so after each. */
const WRITER = `
  const { writeSync } = await import('node:fs');
  const { Store } = await import(process.env.STORE);
  const store = new Store(process.env.FILE);
  for (let number = store.users().length; ; number += 1) {
    store.addUser({ name: 'user' + number, passwordHash: 'x', locals: ['nas'], createdAt: 0 });
    writeSync(1, 'user' + number + '\\n');
  }`;

const ROUNDS = 20;

test('killed 20 times while it writes, the store opens with everything that was done', async () => {
  using directory = tempDir();
  const file = path.join(directory.path, 'depot.db');
  for (let round = 0; round < ROUNDS; round += 1) {
    const writer = spawn(process.execPath, ['--input-type=module', '--eval', WRITER], {
      env: { ...process.env, STORE, FILE: file },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    writer.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      // Somewhere in the middle of a write, another place each time.
      if (said.split('\n').length > 1 + round) writer.kill('SIGKILL');
    });
    await once(writer, 'close');
    const names = said.split('\n').slice(0, -1);
    assert.ok(names.length > round);
    using store = new Store(file);
    const lost = names.filter((name) => store.user(name)?.locals[0] !== 'nas');
    assert.deepEqual(lost, []);
  }
});
