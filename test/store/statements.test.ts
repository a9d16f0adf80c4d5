// What SQLite says of the disk, as a sentence with what to do.

import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { diskTrouble, Statements } from '../../src/store/statements.ts';

const FULL = { code: 'unusable-home', message: /^The server's database here\.db cannot be used: .*full\. Make room/ };

test('a database that may not grow: each way of writing says so, and a transaction leaves nothing', () => {
  using db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE facts (text TEXT NOT NULL); PRAGMA max_page_count = 2;');
  const statements = new Statements(db, 'here.db');
  const insert = statements.prepared('INSERT INTO facts (text) VALUES (?)');
  const long = 'x'.repeat(20_000);
  assert.throws(() => insert.run(long), FULL);
  assert.throws(
    () =>
      statements.transaction(() => {
        insert.run('short');
        insert.run(long);
      }),
    FULL,
  );
  assert.deepEqual(statements.prepared('SELECT * FROM facts').all(), []);
  assert.equal(insert.run('short').changes, 1);
});

test('what is no trouble with the disk stays what it is', () => {
  using db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE facts (text TEXT NOT NULL)');
  const insert = new Statements(db, 'here.db').prepared('INSERT INTO facts (text) VALUES (?)');
  assert.throws(() => insert.run(null), /NOT NULL constraint failed/);
  assert.equal(diskTrouble('here.db', new Error('something')), undefined);
  assert.match(diskTrouble('here.db', Object.assign(new Error('x'), { errcode: 1032 }))?.message ?? '', /read-only/);
});
