// The doctor's judgement of machines that no test runs on: each is this one but for what is wrong with it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { examine } from '../../src/cli/doctor.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { type Machine, THIS_MACHINE } from '../../src/cli/doctor/machine.ts';
import { DepotError } from '../../src/errors.ts';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { newIdentity } from '../support/link-client.ts';

const HEALTHY: Machine = {
  ...THIS_MACHINE,
  nodeVersion: 'v26.10.0',
  room: () => ({ bytes: 1e12, files: 1e6 }),
  descriptors: () => 20_000,
};
const HOUR_MS = 3_600_000;
const errno = (code: string): Error => Object.assign(new Error(code), { code });

/** A home whose settings have ports that are free. */
const quietHome = (settings: object = {}): ReturnType<typeof tempDir> => {
  const home = tempDir();
  const config = { host: LOOPBACK, socksPort: 0, controlPort: 0, webPort: 0, ...settings };
  writeFileSync(path.join(home.path, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  return home;
};

/** A home that has joined a server there. */
const joinedHome = (server: { readonly host?: string; readonly port: number }): ReturnType<typeof tempDir> => {
  const home = tempDir();
  const { fingerprint } = newIdentity();
  const link = { host: 'gw.example', fingerprint, name: 'nas', invitationDigest: '', ...server };
  writeFileSync(path.join(home.path, 'link.json'), JSON.stringify(link), { mode: 0o600 });
  writeFileSync(path.join(home.path, 'key.pem'), newIdentity().privateKey, { mode: 0o600 });
  return home;
};

const find = (findings: readonly Finding[], what: string): Finding => {
  const found = findings.find((finding) => finding.what === what);
  assert.ok(found, `nothing is said of ${what}`);
  return found;
};

const mendOf = (finding: Finding): string => (finding.verdict === 'ok' ? '' : finding.mend);

/** One thing is wrong, nothing else is, and it is said how to mend it. */
const onlyWrong = (
  findings: readonly Finding[],
  what: string,
  verdict: 'warning' | 'failed',
  mend: RegExp,
): Finding => {
  const wrong = findings.filter((finding) => finding.verdict !== 'ok');
  assert.deepEqual(
    wrong.map(({ what: of, verdict: how }) => [of, how]),
    [[what, verdict]],
    JSON.stringify(wrong, null, 2),
  );
  const found = find(findings, what);
  assert.match(mendOf(found), mend);
  return found;
};

test('a healthy machine has nothing to mend', async () => {
  using home = quietHome();
  const findings = await examine(home.path, HEALTHY);
  assert.deepEqual(new Set(findings.map(({ verdict }) => verdict)), new Set(['ok']));
  for (const what of ['node', 'home', 'disk', 'descriptors', 'clock', 'configuration']) find(findings, what);
});

describe('this machine', () => {
  const MACHINES: readonly (readonly [
    name: string,
    machine: Partial<Machine>,
    what: string,
    verdict: 'warning' | 'failed',
    mend: RegExp,
  ])[] = [
    ['a full disk', { room: () => ({ bytes: 5e6, files: 1e6 }) }, 'disk', 'failed', /Make room/],
    ['a disk that is nearly full', { room: () => ({ bytes: 1e8, files: undefined }) }, 'disk', 'warning', /Make room/],
    ['room for no more files', { room: () => ({ bytes: 1e12, files: 3 }) }, 'disk', 'failed', /df -i/],
    ['few descriptors', { descriptors: () => 1024 }, 'descriptors', 'warning', /LimitNOFILE=/],
    ['a Node that ends soon', { nodeVersion: 'v25.9.0' }, 'node', 'warning', /even number/],
    ['a clock that went back', { now: () => Date.now() - HOUR_MS }, 'clock', 'warning', /timedatectl/],
  ];
  for (const [name, machine, what, verdict, mend] of MACHINES) {
    test(name, async () => {
      using home = quietHome();
      onlyWrong(await examine(home.path, { ...HEALTHY, ...machine }), what, verdict, mend);
    });
  }

  const DISKS: readonly (readonly [string, RegExp])[] = [
    ['EROFS', /read-only/],
    ['EACCES', /as the user whose home it is/],
    ['EIO', /does not work: dmesg/],
  ];
  for (const [code, mend] of DISKS) {
    test(`a disk that says ${code}`, async () => {
      using home = quietHome();
      const room = (): never => {
        throw errno(code);
      };
      const found = onlyWrong(await examine(home.path, { ...HEALTHY, room }), 'disk', 'failed', mend);
      assert.ok(found.says.endsWith(code));
    });
  }

  test('a limit that nobody can tell is not spoken of', async () => {
    using home = quietHome();
    const findings = await examine(home.path, { ...HEALTHY, descriptors: () => undefined });
    assert.ok(!findings.some(({ what }) => what === 'descriptors'));
  });

  test('the disk is that of the home, even where there is none yet', async () => {
    using place = tempDir();
    const asked: string[] = [];
    const room = (directory: string): ReturnType<Machine['room']> => {
      asked.push(directory);
      return HEALTHY.room(directory);
    };
    await examine(path.join(place.path, 'not', 'yet'), { ...HEALTHY, room });
    assert.deepEqual(asked, [place.path]);
  });

  for (const [name, mode, mend] of [
    ['a key', 0o640, /chmod 600 '.*key\.pem'/],
    ['a home', 0o750, /chmod 700/],
  ] as const) {
    test(`${name} that others can read`, async () => {
      using home = quietHome();
      const file = name === 'a key' ? path.join(home.path, 'key.pem') : home.path;
      if (name === 'a key') writeFileSync(file, '');
      chmodSync(file, mode);
      onlyWrong(await examine(home.path, HEALTHY), 'home', 'failed', mend);
    });
  }

  test('ports that others have, each with the flag that chooses another', async () => {
    await using app = await App.echo();
    const { port } = app;
    for (const [key, flag] of [
      ['socksPort', '--socks-port'],
      ['controlPort', '--control-port'],
      ['webPort', '--web-port'],
    ] as const) {
      using home = quietHome({ [key]: port });
      onlyWrong(await examine(home.path, HEALTHY), `port ${port}`, 'failed', new RegExp(`ss -ltnp.*${flag}`));
    }
  });
});

test('a certificate before, near and after its time', async () => {
  using directory = tempDir();
  const [certificate, key] = ['cert.pem', 'key.pem'].map((name) => path.join(directory.path, name));
  const request = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=depot'];
  const files = ['-keyout', key ?? '', '-out', certificate ?? ''];
  execFileSync('openssl', ['req', ...request, ...files, '-days', '30'], { stdio: 'ignore' });
  using home = quietHome({ tlsCertificate: certificate, tlsKey: key });
  // The clock goes back with it, and is not what is asked here.
  const at = async (days: number): Promise<Finding> => {
    const now = (): number => Date.now() + days * 24 * HOUR_MS;
    return find(await examine(home.path, { ...HEALTHY, now }), 'certificate');
  };
  assert.equal((await at(0)).verdict, 'ok');
  for (const [days, verdict, mend] of [
    [20, 'warning', /Renew it/],
    [31, 'failed', /Renew it/],
    [-1, 'failed', /Set the clock/],
  ] as const) {
    const found = await at(days);
    assert.equal(found.verdict, verdict, `${days} days`);
    assert.match(mendOf(found), mend);
  }
});

describe('the way to the server', () => {
  test('a name that nobody knows', async () => {
    using home = joinedHome({ port: 8964 });
    const resolve = (): never => {
      throw new DepotError('name-unknown', 'gw.example: ENOTFOUND');
    };
    const findings = await examine(home.path, { ...HEALTHY, resolve: async () => resolve() });
    onlyWrong(findings, 'name', 'failed', /resolv\.conf/);
  });

  test('a resolver that does not answer', async () => {
    using home = joinedHome({ port: 8964 });
    const resolve = (): Promise<never> => Promise.withResolvers<never>().promise;
    const findings = await examine(home.path, { ...HEALTHY, resolve, patienceMs: 20 });
    assert.match(onlyWrong(findings, 'name', 'failed', /resolv\.conf/).says, /no answer/);
  });

  test('a resolver that takes its time, and a server that is not there', async () => {
    using home = joinedHome({ port: await App.closedPort() });
    let time = 0;
    const elapsed = (): number => (time += 1500);
    const resolve = (): Promise<string[]> => Promise.resolve([LOOPBACK]);
    const findings = await examine(home.path, { ...HEALTHY, elapsed, resolve });
    const [name, server] = [find(findings, 'name'), find(findings, 'server')];
    assert.equal(name.verdict, 'warning');
    assert.match(name.says, /1500 ms/);
    assert.match(mendOf(server), /depot server runs/);
  });

  test('a server that drops what it gets', async () => {
    await using silent = await App.listen(() => undefined);
    using home = joinedHome({ host: LOOPBACK, port: silent.port });
    const findings = await examine(home.path, { ...HEALTHY, patienceMs: 50 });
    onlyWrong(findings, 'server', 'failed', new RegExp(`firewalls.*TCP ${silent.port}`));
  });

  test('a server with another key', async () => {
    await using depot = await Depot.server();
    using home = joinedHome({ host: LOOPBACK, port: depot.server.address.controlPort });
    onlyWrong(await examine(home.path, HEALTHY), 'server', 'failed', /join again/);
  });

  test('a clock that is not the server’s, in either direction, from a minute on', async (t) => {
    using home = tempDir();
    await using depot = await Depot.server();
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await depot.join(depot.firstLink, { home: home.path });
    const then = Date.now();
    const wrong = async (ms: number): Promise<Finding> => {
      t.mock.timers.setTime(then + ms);
      return find(await examine(home.path, HEALTHY), 'clock');
    };
    assert.match((await wrong(0)).says, /as the server's$/);
    assert.equal((await wrong(50_000)).verdict, 'ok');
    const [ahead, behind] = [await wrong(HOUR_MS), await wrong(-2 * HOUR_MS)];
    assert.deepEqual([ahead.verdict, behind.verdict], ['warning', 'warning']);
    assert.match(ahead.says, / 60 min ahead of the server's$/);
    assert.match(behind.says, / 2 h behind the server's$/);
  });
});
