import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Home } from '../../src/config/home.ts';
import { DepotError } from '../../src/errors.ts';
import { temporaryDirectory } from '../support/directory.ts';

const place = (t: TestContext): string => path.join(temporaryDirectory(t), 'home');
const modeOf = (file: string): number => statSync(file).mode & 0o777;

/** Others could get in; the message says how to mend it. */
const isUnusable =
  (mending: RegExp) =>
  (error: unknown): boolean =>
    error instanceof DepotError && error.code === 'unusable-home' && mending.test(error.message);

describe('a home', () => {
  it('is made where it is missing, private whatever the umask, with what is above it', (t) => {
    const umask = process.umask(0o000);
    t.after(() => process.umask(umask));
    const directory = path.join(place(t), 'deep', 'er');
    const home = Home.open(directory);
    assert.equal(modeOf(directory), 0o700);
    assert.equal(home.directory, directory);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('is taken as it is where it is private', (t) => {
    const directory = place(t);
    mkdirSync(directory, { mode: 0o700 });
    assert.equal(Home.open(directory).exists, true);
  });

  for (const mode of [0o755, 0o750, 0o701, 0o770, 0o777, 0o710]) {
    it(`is refused with mode ${mode.toString(8)}, and the message says what to type`, (t) => {
      const directory = place(t);
      mkdirSync(directory);
      chmodSync(directory, mode);
      assert.throws(() => Home.open(directory), isUnusable(/chmod 700 '.*home'/));
      assert.equal(modeOf(directory), mode);
    });
  }

  for (const name of ['key.pem', 'depot.db', 'link.json']) {
    for (const mode of [0o644, 0o640, 0o602]) {
      it(`is refused with ${name} of mode ${mode.toString(8)}`, (t) => {
        const home = Home.open(place(t));
        const file = path.join(home.directory, name);
        writeFileSync(file, '');
        chmodSync(file, mode);
        assert.throws(() => Home.open(home.directory), isUnusable(new RegExp(`chmod 600 '.*${name}'`)));
        chmodSync(file, 0o600);
        assert.ok(Home.open(home.directory).exists);
      });
    }
  }

  it('may have a configuration that others can read, for nothing secret is in it', (t) => {
    const home = Home.open(place(t));
    writeFileSync(path.join(home.directory, 'config.json'), '{}', { mode: 0o644 });
    assert.ok(Home.open(home.directory).exists);
  });

  it('cannot be where a file is', (t) => {
    const file = place(t);
    writeFileSync(file, '', { mode: 0o600 });
    assert.throws(() => Home.open(file), isUnusable(/EEXIST.*--home/));
    assert.throws(() => Home.open(path.join(file, 'below')), isUnusable(/ENOTDIR.*--home/));
  });

  it('whose way is too long for a socket is refused before anything runs', (t) => {
    const directory = path.join(place(t), 'x'.repeat(120));
    assert.throws(() => Home.open(directory), isUnusable(/too long/));
  });

  it('behind a symbolic link is as private as what it leads to', (t) => {
    const directory = place(t);
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    symlinkSync(directory, `${directory}-link`);
    assert.throws(() => Home.open(`${directory}-link`), isUnusable(/chmod/));
  });

  it('that may not be there yet can be asked about and is not made', (t) => {
    const directory = place(t);
    const home = Home.at(directory);
    assert.deepEqual([home.exists, home.role], [false, undefined]);
    assert.equal(existsSync(directory), false);
  });

  it('is of the role whose state is in it, and of no other', (t) => {
    for (const role of ['server', 'local', 'client'] as const) {
      const home = Home.open(place(t));
      home.write(role === 'server' ? home.databaseFile : home.linkFile(role), '');
      assert.equal(home.role, role);
      assert.doesNotThrow(() => home.requireRole(role));
      const other = role === 'server' ? 'client' : 'server';
      assert.throws(() => home.requireRole(other), isUnusable(new RegExp(`is the home of a ${role}.*--home`)));
    }
  });

  it('that nobody has moved into is anybody’s', (t) => {
    assert.doesNotThrow(() => Home.open(place(t)).requireRole('client'));
  });
});

describe('the private key', () => {
  it('is made once and kept, for its owner only', (t) => {
    const umask = process.umask(0o000);
    t.after(() => process.umask(umask));
    const home = Home.open(place(t));
    assert.equal(
      home.privateKey(() => 'first'),
      'first',
    );
    assert.equal(
      home.privateKey(() => assert.fail('it is there already')),
      'first',
    );
    assert.equal(modeOf(home.keyFile), 0o600);
  });

  it('leaves nothing behind when it cannot be made', (t) => {
    const home = Home.open(place(t));
    const broken = new Error('no randomness');
    assert.throws(
      () =>
        home.privateKey(() => {
          throw broken;
        }),
      broken,
    );
    assert.deepEqual(readdirSync(home.directory), []);
  });
});

describe('a file in the home', () => {
  it('is written whole, in place of the one before, and nothing is left beside it', (t) => {
    const home = Home.open(place(t));
    home.write(home.linkFile('local'), 'first');
    home.write(home.linkFile('local'), 'second');
    assert.equal(readFileSync(home.linkFile('local'), 'utf8'), 'second');
    assert.deepEqual(readdirSync(home.directory), ['link.json']);
    assert.equal(modeOf(home.linkFile('local')), 0o600);
  });

  it('is private also when a draft of an earlier attempt was not', (t) => {
    const home = Home.open(place(t));
    writeFileSync(`${home.linkFile('local')}.new`, 'half', { mode: 0o644 });
    home.write(home.linkFile('local'), 'whole');
    assert.equal(modeOf(home.linkFile('local')), 0o600);
    assert.equal(readFileSync(home.linkFile('local'), 'utf8'), 'whole');
  });
});
