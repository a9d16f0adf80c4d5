// src/cli/systemd-unit.ts: the text of a unit, and that nothing in an argument can become anything else there.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Scope, type UnitOptions, unitOf } from '../../src/cli/systemd-unit.ts';

const OPTIONS: UnitOptions = {
  role: 'local',
  scope: 'system',
  command: ['/opt/node', '/opt/depot/bin/depot.cjs'],
  args: [],
  home: '/home/alice/.depot',
};

const startOf = (options: Partial<UnitOptions>): string =>
  /^ExecStart=(.*)$/m.exec(unitOf({ ...OPTIONS, ...options }))?.[1] ?? '';

describe('a unit', () => {
  test('reloads without a restart, and of a server lets the next process take its place', () => {
    for (const role of ['server', 'local', 'client'] as const) {
      const unit = unitOf({ ...OPTIONS, role });
      assert.match(unit, /^ExecReload=.* -HUP \$MAINPID$/m);
      assert.equal(/^NotifyAccess=all$/m.test(unit), role === 'server');
    }
  });

  test('of the system keeps its home where systemd makes it, as a user of its own', () => {
    const unit = unitOf(OPTIONS);
    assert.match(unit, /^DynamicUser=yes$/m);
    assert.match(unit, /^StateDirectory=depot-local$/m);
    assert.match(unit, /^WantedBy=multi-user\.target$/m);
    assert.equal(startOf({}), '"/opt/node" "/opt/depot/bin/depot.cjs" "local" "--home" "/var/lib/depot-local"');
  });

  test('of a user keeps its home where the user says, and asks for nothing that needs root', () => {
    const unit = unitOf({ ...OPTIONS, scope: 'user' });
    assert.doesNotMatch(unit, /DynamicUser|ProtectSystem|StateDirectory/);
    assert.match(unit, /^WantedBy=default\.target$/m);
    assert.match(startOf({ scope: 'user' }), /"--home" "\/home\/alice\/\.depot"$/);
  });

  test('of a server stops by a command that waits for a process which systemd did not start', () => {
    for (const role of ['server', 'local', 'client'] as const) {
      const unit = unitOf({ ...OPTIONS, role });
      assert.equal(/^ExecStop=-.* while kill -0 "\$\$MAINPID"; do sleep/m.test(unit), role === 'server');
      assert.doesNotMatch(unit, /^KillMode=/m, 'a process that still carries streams gets SIGTERM too');
    }
  });

  for (const scope of ['system', 'user'] satisfies Scope[]) {
    test(`${scope}: gains no privileges, and what a first start prints stays out of the journal, where the log is`, () => {
      const unit = unitOf({ ...OPTIONS, scope });
      for (const line of ['NoNewPrivileges=yes', 'StandardOutput=null', 'StandardError=journal', 'Type=exec'])
        assert.ok(unit.includes(`${line}\n`), line);
    });
  }

  test('takes arguments as they are: quotes, backslashes, percent and dollar', () => {
    const [, written] = /"\/var\/lib\/depot-local" (.*)$/.exec(startOf({ args: ['a "b" \\ $HOME 100% ;'] })) ?? [];
    assert.equal(written, String.raw`"a \"b\" \\ $$HOME 100%% ;"`);
  });

  test('refuses an argument that would begin a line of its own', () => {
    for (const text of ['a\nExecStartPre=/bin/sh', 'a\rb'])
      assert.throws(() => unitOf({ ...OPTIONS, args: [text] }), RangeError);
  });
});
