// The web port as a browser, a hostile page and a stranger meet it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createLocal, DepotError, type DepotServer, type ServerOptions } from '../../src/index.ts';
import { isOwnHost, isOwnPage } from '../../src/watch/origin.ts';
import { Sessions } from '../../src/watch/sessions.ts';
import { ask, type ApiAnswer, type ApiRequest, cookieOf, Events, logIn } from '../support/api.ts';
import { Depot, LOOPBACK, serverIn, tempDir } from '../support/depot.ts';
import { evaluatePac } from '../support/pac.ts';
import { run } from '../support/programs.ts';
import { recordedLog } from '../support/recorded-log.ts';

/** Every role has the same door, with what it shows behind it. */
const PLACES: Readonly<Record<string, () => Promise<readonly [Depot, Pick<DepotServer, 'web' | 'watcher'>]>>> = {
  'a server': async () => {
    const depot = await Depot.server();
    return [depot, depot.server];
  },
  'a local': async () => {
    const depot = await Depot.pair({ webDisabled: true }, { webPort: 0 });
    return [depot, depot.local];
  },
  'a client': async () => {
    const depot = await Depot.server({ webDisabled: true });
    return [depot, await depot.addClient(depot.login.user, { webPort: 0 })];
  },
};

for (const [role, start] of Object.entries(PLACES)) {
  describe(`the web port of ${role}`, () => {
    let depot: Depot;
    let watcher: DepotServer['watcher'];
    let port: number;
    let password: string;
    before(async () => {
      const [started, { web, watcher: watching }] = await start();
      depot = started;
      watcher = watching;
      port = Number(new URL(web?.url ?? '').port);
      password = web?.password ?? '';
    });
    after(() => depot[Symbol.asyncDispose]());

    const get = (route: string, request: ApiRequest = {}): Promise<ApiAnswer> =>
      ask({ host: LOOPBACK, port }, route, request);
    const login = async (given = password, headers = {}): Promise<ApiAnswer> =>
      logIn({ host: LOOPBACK, port }, given, headers);

    it('shows a stranger the login page and nothing else', async () => {
      const page = await get('/');
      assert.equal(page.status, 200);
      assert.match(page.headers['content-type'] ?? '', /^text\/html/);
      for (const route of ['/api/v1/status', '/api/v1/events', '/api/v1/openapi.json', '/metrics', '/api/v1/nothing'])
        assert.equal((await get(route)).status, 401, route);
      assert.equal((await get('/api/v1/users', { method: 'POST', body: { name: 'eve' } })).status, 401);
      assert.deepEqual([(await get('/healthz')).text, (await get('/readyz')).text], ['ok\n', 'ready\n']);
    });

    it('lets in whoever has the password, by a cookie that no script and no other page can use', async () => {
      const answer = await login();
      assert.equal(answer.status, 204);
      assert.match(
        answer.headers['set-cookie']?.[0] ?? '',
        /^depot-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
      );
      const cookie = cookieOf(answer);
      assert.equal((await get('/api/v1/status', { headers: { cookie } })).status, 200);
      assert.equal((await get('/metrics', { headers: { cookie } })).status, 200);
      await get('/api/v1/session', { method: 'DELETE', headers: { cookie } });
      assert.equal((await get('/api/v1/status', { headers: { cookie } })).status, 401);
    });

    it('ends what a session sees when the session ends', async () => {
      const cookie = cookieOf(await login());
      using events = await Events.open({ host: LOOPBACK, port }, { headers: { cookie } });
      await events.until('ready');
      const made = await get('/api/v1/web/password', { method: 'PUT', body: {}, headers: { cookie } });
      ({ password } = made.json as { password: string });
      while ((await events.next()) !== undefined);
      assert.equal((await get('/api/v1/status', { headers: { cookie } })).status, 401);
    });

    it('slows down whoever guesses, and hears one guess of an address at a time', async () => {
      const both = await Promise.all([login('wrong'), login('wrong')]);
      assert.deepEqual(
        both.map(({ status }) => status).sort((a, b) => a - b),
        [401, 429],
      );
      assert.equal((await login()).status, 204);
      assert.ok(watcher.failures().some(({ where, code }) => where === 'web' && code === 'not-allowed'));
    });

    it('refuses logins that are none', async () => {
      for (const body of ['', '{', '{}', JSON.stringify({ password: 1 })])
        assert.equal(
          (await get('/api/v1/session', { method: 'POST', body, headers: { 'content-length': String(body.length) } }))
            .status,
          400,
          body,
        );
      assert.equal((await login('x'.repeat(5000))).status, 400);
    });

    it('has the headers on everything', async () => {
      for (const route of ['/', '/nothing', '/api/v1/status', '/healthz']) {
        const { headers } = await get(route);
        const policy = String(headers['content-security-policy']);
        assert.match(policy, /default-src 'none'/);
        assert.match(policy, /frame-ancestors 'none'/);
        assert.doesNotMatch(policy, /unsafe/);
        assert.equal(headers['x-content-type-options'], 'nosniff');
        assert.equal(headers['access-control-allow-origin'], undefined);
      }
    });

    it('answers no name that leads here by accident or on purpose', async () => {
      assert.equal((await get('/', { headers: { host: `evil.example:${port}` } })).status, 421);
      assert.equal((await get('/healthz', { headers: { host: 'evil.example' } })).status, 421);
      assert.equal((await get('/', { headers: { host: `localhost:${port}` } })).status, 200);
    });

    it('does nothing for another page, cookie or not', async () => {
      const cookie = cookieOf(await login());
      const own = `http://${LOOPBACK}:${port}`;
      for (const headers of [
        { origin: 'http://evil.example' },
        { origin: 'null' },
        { origin: `http://${LOOPBACK}:${port + 1}` },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site', origin: own },
      ]) {
        for (const method of ['GET', 'DELETE']) {
          const { status } = await get('/api/v1/status', { method, headers: { cookie, ...headers } });
          assert.equal(status, 403, `${method} ${JSON.stringify(headers)}`);
        }
        assert.equal((await login(password, headers)).status, 403);
      }
      assert.equal(
        (await get('/api/v1/status', { headers: { cookie, origin: own, 'sec-fetch-site': 'same-origin' } })).status,
        200,
      );
    });

    it('gives the metrics to whoever has the token, and only those', async () => {
      const bearer = (token: string): ApiRequest => ({ headers: { authorization: `Bearer ${token}` } });
      assert.equal((await get('/metrics', bearer('x'))).status, 401);
      const cookie = cookieOf(await login());
      const make = (): Promise<ApiAnswer> => get('/api/v1/web/metrics-token', { method: 'POST', headers: { cookie } });
      const { token } = (await make()).json as { token: string };
      assert.equal((await get('/metrics', bearer(token))).status, 200);
      assert.equal((await get('/api/v1/status', bearer(token))).status, 401);
      await make();
      assert.equal((await get('/metrics', bearer(token))).status, 401);
    });
  });
}

describe('the PAC file at the web port of a server', () => {
  it('gives the PAC file to every browser, but to none by a foreign name', async () => {
    await using depot = await Depot.server();
    const where = { host: LOOPBACK, port: Number(new URL(depot.server.web?.url ?? '').port) };
    const answer = await ask(where, '/proxy.pac');
    assert.equal(answer.headers['content-type'], 'application/x-ns-proxy-autoconfig');
    assert.equal(evaluatePac(answer.text)('nas.depot'), `PROXY ${LOOPBACK}:${depot.socksPort}`);
    assert.equal((await ask(where, '/proxy.pac', { headers: { host: 'evil.example' } })).status, 421);
  });

  it('names the entry in the PAC file as the browser reaches it', async () => {
    const entry = async (settings: Partial<ServerOptions>, host: string): Promise<string> => {
      await using other = await Depot.server(settings);
      const at = { host: LOOPBACK, port: Number(new URL(other.server.web?.url ?? '').port) };
      const { text } = await ask(at, '/proxy.pac', { headers: { host } });
      return evaluatePac(text)('nas.depot').replace(`:${other.socksPort}`, '');
    };
    assert.equal(await entry({ advertise: 'gw.example' }, 'localhost'), 'PROXY gw.example');
    assert.equal(await entry({ host: '0.0.0.0' }, '192.0.2.7:8888'), 'PROXY 192.0.2.7');
    assert.notEqual(await entry({ host: '0.0.0.0' }, 'localhost:8888'), 'PROXY localhost');
  });
});

interface Files {
  readonly tlsCertificate: string;
  readonly tlsKey: string;
}

describe('the dashboard elsewhere than on loopback', () => {
  const start = (home: string, settings: object): Promise<DepotServer> =>
    serverIn(home, { webHost: '0.0.0.0', ...settings });

  it('needs TLS, or a flag that says that none is meant', async () => {
    using home = tempDir();
    await assert.rejects(start(home.path, {}), (error) => {
      assert.ok(error instanceof DepotError && error.code === 'invalid-config');
      assert.match(error.message, /--tls-certificate FILE --tls-key FILE.*--web-host 127\.0\.0\.1.*--web-insecure/);
      return true;
    });
    await using server = await start(home.path, { webInsecure: true });
    assert.match(server.web?.url ?? '', /^http:/);
  });

  it('knows IPv4 addresses one from the other where it listens at all addresses of both families', async () => {
    using home = tempDir();
    const { log, message } = recordedLog();
    await using server = await start(home.path, { webHost: '::', webInsecure: true, log });
    const where = { host: LOOPBACK, port: Number(new URL(server.web?.url ?? '').port) };
    const turnedAway = message('turned-away');
    await logIn(where, 'guess');
    assert.equal(await turnedAway, `turned away ${LOOPBACK}: wrong password`);
    const [guesser, operator] = await Promise.all([
      logIn(where, 'guess'),
      logIn({ ...where, localAddress: '127.0.0.2' } as typeof where, server.web?.password ?? ''),
    ]);
    assert.deepEqual([guesser.status, operator.status], [401, 204]);
  });

  /** A new certificate and its key in these files. */
  const makeCertificate = ({ tlsCertificate, tlsKey }: Files): void => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', tlsKey];
    const subject = ['-subj', '/CN=depot.test', '-addext', 'subjectAltName=DNS:depot.test'];
    execFileSync('openssl', ['req', '-x509', ...key, '-out', tlsCertificate, ...subject], { stdio: 'ignore' });
  };

  const filesIn = (directory: string): Files => ({
    tlsCertificate: path.join(directory, 'cert.pem'),
    tlsKey: path.join(directory, 'tls.pem'),
  });

  /** What curl, which trusts `certificate` only, is answered to a login at depot.test. */
  const logInWith = (certificate: string, port: string, password: string): ReturnType<typeof run> =>
    run('curl', [
      '-sS',
      '-i',
      '--cacert',
      certificate,
      '--resolve',
      `depot.test:${port}:${LOOPBACK}`,
      '--json',
      JSON.stringify({ password }),
      `https://depot.test:${port}/api/v1/session`,
    ]);

  const SECURE = /^set-cookie: __Host-depot-\d+=[\w-]+; Path=\/; HttpOnly; SameSite=Strict; Secure\r$/im;

  it('speaks TLS with the certificate it is given, marks the cookie, and follows when the files change', async () => {
    using home = tempDir();
    const files = filesIn(home.path);
    makeCertificate(files);
    await using server = await start(path.join(home.path, 'server'), { ...files, advertise: 'depot.test' });
    const { url, password = '' } = server.web ?? {};
    const { hostname, port } = new URL(url ?? '');
    assert.equal(hostname, 'depot.test');
    const { stdout, code } = await logInWith(files.tlsCertificate, port, password);
    assert.equal(code, 0);
    assert.match(stdout, SECURE);
    assert.match(stdout, /^strict-transport-security:/im);
    makeCertificate(files);
    // It takes a moment to be noticed; curl trusts the new one only.
    while ((await logInWith(files.tlsCertificate, port, password)).code !== 0);
  });

  it('holds a local to the same', async () => {
    using home = tempDir();
    const files = filesIn(home.path);
    await using depot = await Depot.server({ webDisabled: true });
    const settings = { home: path.join(home.path, 'local'), link: depot.firstLink, webPort: 0, webHost: '0.0.0.0' };
    await assert.rejects(createLocal(settings), /would send its password in the clear/);
    makeCertificate(files);
    await using local = await createLocal({ ...settings, ...files, webNames: ['depot.test'] });
    const { url, password = '' } = local.web ?? {};
    assert.match((await logInWith(files.tlsCertificate, new URL(url ?? '').port, password)).stdout, SECURE);
  });

  it('can be done without', async () => {
    using home = tempDir();
    await using server = await start(home.path, { webDisabled: true });
    assert.equal(server.web, undefined);
    assert.equal(server.status().ports.web, null);
  });
});

describe('sessions', () => {
  it('end when they are idle for too long, and are not guessed', () => {
    let now = 0;
    const sessions = new Sessions(
      () => 1000,
      () => now,
    );
    const id = sessions.begin();
    now = 900;
    assert.ok(sessions.use(id)?.aborted === false);
    now = 1800;
    const signal = sessions.use(id);
    assert.ok(signal !== undefined);
    assert.equal(sessions.use(''), undefined);
    now = 2801;
    assert.equal(sessions.use(id), undefined);
    assert.ok(signal.aborted);
  });

  it('are bounded: the oldest gives way', () => {
    const sessions = new Sessions(
      () => 1000,
      () => 0,
    );
    const first = sessions.begin();
    for (let count = 0; count < 100; count += 1) sessions.begin();
    assert.equal(sessions.use(first), undefined);
  });
});

describe('origins', () => {
  const names = ['Depot.example'];

  it('takes addresses, localhost and the names it was given', () => {
    for (const host of ['127.0.0.1:8888', '[::1]:8888', 'localhost', 'LOCALHOST:1', 'depot.example', '192.0.2.1:80'])
      assert.ok(isOwnHost(host, names), host);
    for (const host of [
      undefined,
      '',
      'evil.example',
      'depot.example.evil',
      '127.0.0.1.evil',
      'a@127.0.0.1',
      'localhost:x',
      '[evil]',
    ])
      assert.ok(!isOwnHost(host, names), String(host));
  });

  it('compares the port as well', () => {
    const host = 'localhost:8888';
    assert.ok(isOwnPage({ host, origin: 'http://localhost:8888', fetchSite: undefined }));
    assert.ok(!isOwnPage({ host, origin: 'http://localhost:3000', fetchSite: undefined }));
    assert.ok(!isOwnPage({ host, origin: 'http://localhost', fetchSite: undefined }));
  });
});
