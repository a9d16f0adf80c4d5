// What keeps depot running, judged by the programs that will read it: systemd the unit, fail2ban the log.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { BIN, depot, parseFirstStart, startServer } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { noNamespaces } from '../support/namespace.ts';
import { curl, type Finished, Program, run } from '../support/programs.ts';

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

/** What the unit of a server does when it is stopped, as the shell gets it from systemd, and the process that it is about. */
const runStop = async (mainPid: string | undefined): Promise<Finished> => {
  const { stdout } = await depot(['service', 'install', 'server', '--print']);
  const [, script = ''] = /^ExecStop=-\/bin\/sh -c '(.*)'$/m.exec(stdout) ?? [];
  assert.notEqual(script, '');
  return run('/bin/sh', ['-c', script.replaceAll('$$', '$')], { env: { MAINPID: mainPid } });
};

describe('stopping a server', () => {
  test('waits until the main process has ended, whoever started it', async () => {
    using home = tempDir();
    const file = path.join(home.path, 'ended');
    const code = `process.on('SIGTERM', () => setTimeout(() => {
      require('node:fs').writeFileSync(${JSON.stringify(file)}, '');
      process.exit();
    }, 300)); setInterval(() => {}, 1000); console.log('runs');`;
    await using main = new Program(process.execPath, ['-e', code]);
    await main.says(/runs/);
    const { code: exit, stderr } = await runStop(String(main.pid));
    assert.equal(stderr, '');
    assert.ok(exit <= 1, 'the last look at a process that is gone fails, which the unit lets pass');
    assert.ok(existsSync(file));
  });

  test('has nothing to do where the main process ended by itself', async () => {
    assert.equal((await runStop(undefined)).stderr, '');
  });
});

/** A machine run by systemd, as far as the command can tell: its directories are a namespace's own, and systemctl says what it is told. */
const underSystemd = (home: string, args: readonly string[], systemctl = 'echo "systemctl $*"'): Promise<Finished> => {
  const own = ['/run', '/etc/systemd/system'].map((place) => `mount -t tmpfs tmpfs ${place}`).join(' && ');
  const after = `for unit in /etc/systemd/system/*.service; do [ ! -e "$unit" ] || cp -p "$unit" '${home}'; done`;
  const script = `mount --make-rprivate / && ${own} && mkdir -p /run/systemd/system && "$@"; code=$?; ${after}; exit $code`;
  writeFileSync(path.join(home, 'systemctl'), `#!/bin/sh\n${systemctl}\n`, { mode: 0o755 });
  const unshare = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--user', '--map-root-user'];
  const env = { PATH: `${home}:${process.env['PATH']}`, XDG_CONFIG_HOME: home, HOME: home };
  return run('unshare', [...unshare, 'sh', '-c', script, 'sh', process.execPath, BIN, 'service', ...args], { env });
};

describe('installing', { skip: noNamespaces() }, () => {
  test('for the system: writes the unit for nobody else to read, loads it and starts it', async () => {
    using home = tempDir();
    const { code, stdout, stderr } = await underSystemd(home.path, ['install', 'server', '--', '--host', '::1']);
    if ([BIN, process.execPath].some((file) => /^\/(?:home|root)\//.test(realpathSync(file)))) {
      // A service of the system could not see this checkout.
      assert.match(stderr, /lies in somebody's home/);
      return;
    }
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.match(/^systemctl .*$/gm), [
      'systemctl daemon-reload',
      'systemctl enable --now depot-server.service',
    ]);
    const unit = path.join(home.path, 'depot-server.service');
    assert.equal(statSync(unit).mode & 0o777, 0o600);
    assert.match(readFileSync(unit, 'utf8'), /^ExecStart=.* "--home" "\/var\/lib\/depot-server" "--host" "::1"$/m);
  });

  test('for a user: in the user’s own configuration and home, until it is uninstalled', async () => {
    using home = tempDir();
    const unit = path.join(home.path, 'systemd/user/depot-local.service');
    const place = path.join(home.path, 'nas');
    const link = 'depot://a$b%c';
    const installed = await underSystemd(home.path, ['install', 'local', '--user', '--home', place, '--', link]);
    assert.equal(installed.code, 0, installed.stderr);
    assert.deepEqual(installed.stdout.match(/^systemctl .*$/gm), [
      'systemctl --user daemon-reload',
      'systemctl --user enable --now depot-local.service',
    ]);
    assert.equal(statSync(unit).mode & 0o777, 0o600);
    assert.ok(readFileSync(unit, 'utf8').includes(`"--home" "${place}" "depot://a$$b%%c"`));
    const removed = await underSystemd(home.path, ['uninstall', 'local', '--user']);
    assert.equal(removed.code, 0, removed.stderr);
    assert.match(removed.stdout, /^systemctl --user disable --now depot-local\.service$/m);
    assert.ok(!existsSync(unit));
    const again = await underSystemd(home.path, ['uninstall', 'local', '--user']);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /There is no /);
  });

  test('says so where systemd refuses', async () => {
    using home = tempDir();
    const { code, stderr } = await underSystemd(home.path, ['install', 'local', '--user'], 'exit 5');
    assert.equal(code, 1);
    assert.match(stderr, /systemd refused/);
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
