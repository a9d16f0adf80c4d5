// What keeps depot running, judged by the programs that will read it: systemd the unit, fail2ban the log.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { depot, parseFirstStart, startServer } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { curl, run } from '../support/programs.ts';

/** systemd-analyze's exposure, in tenths: 0 is none, 100 is everything. */
const MOST_EXPOSED = 15;
const FILTER = path.join(import.meta.dirname, '../../packaging/fail2ban/depot.conf');

describe('the unit', () => {
  for (const role of ['server', 'local', 'client']) {
    test(`of a ${role} is one that systemd takes, and exposes little`, async () => {
      using home = tempDir();
      const printed = await depot(['service', 'install', role, '--print', '--', '--log-level', 'warn']);
      assert.equal(printed.code, 0, printed.stderr);
      const file = path.join(home.path, `depot-${role}.service`);
      writeFileSync(file, printed.stdout);
      const verified = await run('systemd-analyze', ['verify', file]);
      assert.deepEqual({ code: verified.code, stderr: verified.stderr }, { code: 0, stderr: '' });
      const limit = `--threshold=${MOST_EXPOSED}`;
      const judged = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', limit, file]);
      assert.equal(judged.code, 0, judged.stdout);
    });
  }

  test('of a user is one that systemd takes', async () => {
    using home = tempDir();
    const printed = await depot(['service', 'install', 'local', '--user', '--print']);
    const file = path.join(home.path, 'depot-local.service');
    writeFileSync(file, printed.stdout);
    const { code, stderr } = await run('systemd-analyze', ['verify', '--user', file], {
      env: { XDG_RUNTIME_DIR: home.path },
    });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });

  test('is for a role that there is, and its home is not to be chosen', async () => {
    assert.equal((await depot(['service', 'install', 'nonsense'])).code, 2);
    const { code, stderr } = await depot(['service', 'install', 'server', '--home', '/srv', '--print']);
    assert.equal(code, 2);
    assert.match(stderr, /has its home in \/var\/lib\/depot-server/);
  });
});

test('fail2ban finds wrong passwords in the log, with their address, and nothing in what is right', async () => {
  using home = tempDir();
  await using server = await startServer(home.path, '--web-disabled');
  await server.says(/curl .*\n/);
  const { socksPort, login } = parseFirstStart(server.stdout);
  const at = `${LOOPBACK}:${socksPort}`;
  assert.equal((await curl(`socks5h://owner:wrong@${at}`, 'http://home.depot/')).code, 97);
  await curl(`http://owner:wrong@${at}`, 'http://home.depot/');
  await curl(`socks5h://${login.user}:${login.password}@${at}`, 'http://home.depot/');
  await server.says(/(?:wrong user or password[^]*){4}/);
  const { stderr } = await server.stop('SIGINT');
  const log = path.join(home.path, 'log');
  writeFileSync(log, stderr);
  const { code, stdout } = await run('fail2ban-regex', ['-v', '--out', 'ip', log, FILTER]);
  assert.equal(code, 0);
  assert.deepEqual(stdout.trim().split('\n'), [LOOPBACK, LOOPBACK]);
});
