// depot doctor: finds what is wrong, says how to mend it, and fails only then.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { App } from '../support/apps.ts';
import { depot, startLocal, startNewServer } from '../support/cli.ts';
import { tempDir } from '../support/depot.ts';

interface Finding {
  readonly what: string;
  readonly verdict: string;
  readonly says: string;
  readonly mend?: string;
}

/** Ports of the system's choosing, so that no test depends on what else runs. */
const FREE = { DEPOT_SOCKS_PORT: '0', DEPOT_CONTROL_PORT: '0', DEPOT_WEB_PORT: '0', DEPOT_HOST: '127.0.0.1' };

const examine = async (
  home: string,
  env: NodeJS.ProcessEnv = FREE,
): Promise<{ code: number; of: (what: string) => Finding | undefined; failed: string[] }> => {
  const { code, stdout } = await depot(['doctor', '--home', home, '--json'], { env });
  const findings = JSON.parse(stdout) as Finding[];
  return {
    code,
    of: (what) => findings.find((finding) => finding.what === what),
    failed: findings.filter(({ verdict }) => verdict === 'failed').map(({ what }) => what),
  };
};

describe('before a first start', () => {
  test('all is well', async () => {
    using home = tempDir();
    const { code, failed, of } = await examine(path.join(home.path, 'new'));
    assert.deepEqual({ code, failed }, { code: 0, failed: [] });
    assert.equal(of('home')?.verdict, 'warning');
  });

  test('a port that is taken', async () => {
    using home = tempDir();
    await using app = await App.echo();
    const { code, failed, of } = await examine(home.path, { ...FREE, DEPOT_SOCKS_PORT: String(app.port) });
    assert.deepEqual({ code, failed }, { code: 1, failed: [`port ${app.port}`] });
    assert.match(of(`port ${app.port}`)?.mend ?? '', /--socks-port/);
  });

  test('a home that others can read, and what people see of it', async () => {
    using home = tempDir();
    chmodSync(home.path, 0o755);
    assert.deepEqual((await examine(home.path)).failed, ['home']);
    const { code, stdout } = await depot(['doctor', '--home', home.path], { env: FREE });
    assert.equal(code, 1);
    assert.match(stdout, /^failed +home .*\n +→ .*chmod 700/m);
  });

  test('a configuration that is wrong', async () => {
    using home = tempDir();
    writeFileSync(path.join(home.path, 'config.json'), '{ "hots": "::" }', { mode: 0o600 });
    const { failed, of } = await examine(home.path);
    assert.deepEqual(failed, ['configuration']);
    assert.match(of('configuration')?.says ?? '', /hots.*Did you mean host/);
  });

  test('a certificate that is about to run out, and a file that is none', async () => {
    using home = tempDir();
    const [file, key] = [path.join(home.path, 'cert.pem'), path.join(home.path, 'tls.pem')];
    const request = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=depot'];
    execFileSync('openssl', ['req', ...request, '-keyout', key, '-out', file, '-days', '1'], { stdio: 'ignore' });
    const fresh = await examine(home.path, { ...FREE, DEPOT_TLS_CERTIFICATE: file, DEPOT_TLS_KEY: key });
    assert.equal(fresh.of('certificate')?.verdict, 'warning');
    const { failed } = await examine(home.path, { ...FREE, DEPOT_TLS_CERTIFICATE: key, DEPOT_TLS_KEY: key });
    assert.deepEqual(failed, ['certificate']);
  });

  test('a firewall that names no port of ours is a hint and no failure, and none where it does', async () => {
    using home = tempDir();
    const rules = path.join(home.path, 'rules');
    writeFileSync(path.join(home.path, 'nft'), `#!/bin/sh\ncat '${rules}'\n`, { mode: 0o755 });
    const env = { DEPOT_HOST: '0.0.0.0', DEPOT_SOCKS_PORT: '18864', DEPOT_CONTROL_PORT: '18964', DEPOT_WEB_PORT: '0' };
    const look = async (text: string): Promise<Finding | undefined> => {
      writeFileSync(rules, text);
      const { code, of } = await examine(path.join(home.path, 'new'), { ...env, PATH: home.path + ':/bin' });
      assert.equal(code, 0);
      return of('firewall');
    };
    const chain = 'chain input { type filter hook input priority filter; policy drop;';
    const found = await look(`${chain} tcp dport 18864 accept }`);
    assert.deepEqual([found?.verdict, found?.says.includes('18964')], ['warning', true]);
    assert.match(found?.mend ?? '', /tcp dport \{ 18964 \} accept/);
    assert.equal((await look(`${chain} tcp dport { 18864, 18964 } accept }`))?.verdict, 'ok');
    assert.equal(await look(chain.replace('drop', 'accept')), undefined);
  });

  test('a clock that went back', async () => {
    using home = tempDir();
    const file = path.join(home.path, 'config.json');
    writeFileSync(file, '{}', { mode: 0o600 });
    const tomorrow = Date.now() / 1000 + 86_400;
    utimesSync(file, tomorrow, tomorrow);
    const { code, of } = await examine(home.path);
    assert.deepEqual({ code, verdict: of('clock')?.verdict }, { code: 0, verdict: 'warning' });
  });
});

test('a server and a local that run, and a local whose server is gone', async () => {
  using homes = tempDir();
  const [serverHome, localHome] = ['server', 'local'].map((role) => path.join(homes.path, role)) as [string, string];
  const [server, { link }] = await startNewServer(serverHome);
  await using _ = server;
  await using local = await startLocal(localHome, link);
  const atServer = await examine(serverHome);
  assert.deepEqual({ code: atServer.code, failed: atServer.failed }, { code: 0, failed: [] });
  const atLocal = await examine(localHome);
  assert.deepEqual({ code: atLocal.code, failed: atLocal.failed }, { code: 0, failed: [] });
  assert.match(atLocal.of('server')?.says ?? '', /answers with its key/);
  await server.stop('SIGINT');
  await local.says(/(?:connection-lost|closed|refused|stopped|went away)/i);
  const alone = await examine(localHome);
  assert.equal(alone.code, 1);
  assert.ok(alone.failed.includes('server'));
  assert.match(alone.of('server')?.mend ?? '', /depot server runs/);
});
