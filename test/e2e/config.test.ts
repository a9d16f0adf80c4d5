// depot config: what a role would find, and where each setting came from.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { depot } from '../support/cli.ts';
import { tempDir } from '../support/depot.ts';
import type { Finished } from '../support/programs.ts';

const inHome = async (config: unknown, ...args: readonly string[]): Promise<Finished> => {
  using home = tempDir();
  writeFileSync(path.join(home.path, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  return await depot(['config', ...args, '--home', home.path], {
    env: { DEPOT_SOCKS_PORT: '1081', DEPOT_DRAIN_MS: '5' },
  });
};

const FILE = { $schema: './schema/server.json', drainMs: 7, socksPort: 1082, advertise: 'vps.example' };

describe('depot config', () => {
  test('show tells what is in force and where it came from: flag, variable, file, default', async () => {
    const { code, stdout, stderr } = await inHome(FILE, 'show', 'server', '--json', '--drain-ms', '3');
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    const settings = JSON.parse(stdout) as { key: string; value: unknown; from: string | null }[];
    const told = (key: string): unknown[] => {
      const { value, from } = settings.find((setting) => setting.key === key) ?? {};
      return [value, from?.replace(/^.*\//, '')];
    };
    assert.deepEqual(told('drainMs'), [3, '--drain-ms']);
    assert.deepEqual(told('socksPort'), [1081, 'DEPOT_SOCKS_PORT']);
    assert.deepEqual(told('advertise'), ['vps.example', 'config.json: advertise']);
    assert.deepEqual(told('controlPort'), [8964, undefined]);
  });

  test('check says nothing where all is well, and makes nothing', async () => {
    assert.deepEqual(await inHome(FILE, 'check', 'server'), { code: 0, stdout: '', stderr: '' });
  });

  test('check says what is wrong, and where', async () => {
    const { code, stderr } = await inHome({ drainMs: 'soon', hots: '::' }, 'check', 'client');
    assert.equal(code, 1);
    assert.match(stderr, /config\.json: hots: there is no such key\. Did you mean host\?/);
    assert.doesNotMatch(stderr, /drainMs/, 'a variable stands before the file');
  });

  test('takes YAML, in the home or as a file of any place, and says where it is wrong', async () => {
    using home = tempDir();
    const file = path.join(home.path, 'config.yaml');
    writeFileSync(file, 'rules:\n  - deny *:25\nadvertise: vps.example\n');
    const at = ['--home', home.path];
    const { code, stdout } = await depot(['config', 'show', 'server', ...at]);
    assert.equal(code, 0);
    assert.match(stdout, /^advertise +\S*config\.yaml:3:1: advertise +vps\.example$/m);
    const named = await depot(['config', 'check', 'local', '--home', '/nowhere', '--config', file]);
    assert.equal(named.code, 1);
    assert.match(named.stderr, /config\.yaml:1:1: rules: there is no such key/);
    writeFileSync(path.join(home.path, 'config.json'), '{}');
    const both = await depot(['config', 'check', 'server', ...at]);
    assert.equal(both.code, 1);
    assert.match(both.stderr, /config\.json and .*config\.yaml/);
  });

  test('needs a role that there is', async () => {
    assert.equal((await inHome({}, 'check', 'nonsense')).code, 2);
    assert.equal((await inHome({}, 'show')).code, 2);
  });
});
