// The HTTP proxy as clients meet it: curl, git and raw bytes, against apps behind a local.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { App, collect } from '../support/apps.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { curl, type Finished, run, succeeded } from '../support/programs.ts';
import { Wire } from '../support/socks-client.ts';
import { parseAsked, WebApp } from '../support/web-app.ts';

let depot: Depot;
let web: WebApp;
let proxy: string;
let basic: string;
before(async () => {
  depot = await Depot.pair();
  web = await WebApp.echo();
  proxy = depot.httpProxyUrl();
  ({ basic } = depot);
});
after(async () => {
  await web[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
});

const connect = (): Promise<Wire> => Wire.connect(depot.socksPort);

const answerTo = (...texts: readonly string[]): Promise<string> => Wire.exchange(depot.socksPort, ...texts);

describe('CONNECT', () => {
  test('curl tunnels HTTP', async () => {
    const stdout = succeeded(await curl(proxy, '--proxytunnel', `http://home.depot:${web.port}/through?a=b`));
    assert.equal(parseAsked(stdout).url, '/through?a=b');
  });

  test('bytes that come with the request reach the app, and its late answer comes back after the FIN', async () => {
    await using app = await App.listen((socket) => {
      void collect(socket).then((bytes) => socket.end(createHash('sha256').update(bytes).digest('hex')));
    });
    const data = randomBytes(3_000_000);
    using wire = await connect();
    wire.finish(Buffer.from(`CONNECT ${LOOPBACK}:${app.port} HTTP/1.1\r\nHost: x\r\n${basic}\r\n`), data);
    const answer = (await wire.rest()).toString();
    const [head, body] = answer.split('\r\n\r\n');
    assert.match(head ?? '', /^HTTP\/1\.1 200 /);
    assert.equal(body, createHash('sha256').update(data).digest('hex'));
  });

  test('an abort of the app is an abort for the client', async () => {
    await using app = await App.listen((socket) => socket.once('data', () => socket.resetAndDestroy()));
    using wire = await connect();
    wire.write(
      Buffer.from(`CONNECT ${LOOPBACK}:${app.port} HTTP/1.1\r\n${basic}\r\n`.replace(basic, `Host: x\r\n${basic}`)),
    );
    await wire.read('HTTP/1.1 200 Connection established\r\n\r\n'.length);
    wire.write(Buffer.from('die'));
    assert.equal(await wire.ending(), 'rst');
  });

  const refusals: readonly (readonly [
    what: string,
    target: () => Promise<string> | string,
    status: number,
    why: RegExp,
  ])[] = [
    ['a refused connection', async () => `home.depot:${await App.closedPort()}`, 502, /nothing listens there/],
    ['a local that there is not', () => 'nobody.depot:80', 502, /no such local/],
    ['what the local forbids', () => '169.254.169.254.home.depot:80', 403, /not allowed/],
    ['no port', () => 'home.depot', 400, /CONNECT HOST:PORT/],
    ['a port of 0', () => 'home.depot:0', 400, /CONNECT HOST:PORT/],
  ];
  for (const [what, target, status, why] of refusals) {
    test(`${what}: ${status}, and why`, async () => {
      const answer = await answerTo(`CONNECT ${await target()} HTTP/1.1\r\nHost: x\r\n${basic}\r\n`);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(answer, why);
    });
  }
});

describe('absolute-form', () => {
  test('the app sees an ordinary request, with nothing that was meant for the proxy', async () => {
    const url = `http://home.depot:${web.port}/a/../b?c=%20d`;
    const fields = ['X-Private: 1', 'Connection: X-Private, Content-Length', 'TE: trailers', 'X-Kept: yes'];
    const args = ['--path-as-is', ...fields.flatMap((field) => ['-H', field]), '-d', 'body', url];
    const asked = parseAsked(succeeded(await curl(proxy, ...args)));
    assert.equal(asked.method, 'POST');
    assert.equal(asked.url, '/a/../b?c=%20d');
    assert.equal(asked.body, 'body');
    const names = asked.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    for (const gone of ['proxy-authorization', 'proxy-connection', 'x-private', 'te', 'via'])
      assert.ok(!names.includes(gone), gone);
    assert.equal(asked.rawHeaders[names.indexOf('host') * 2 + 1], `home.depot:${web.port}`);
    assert.equal(asked.rawHeaders[names.indexOf('x-kept') * 2 + 1], 'yes');
    assert.equal(names.filter((name) => name === 'host').length, 1);
  });

  test('one connection of the client carries many requests, to several apps', async () => {
    await using other = await WebApp.echo();
    const urls = [web, other, web].map(({ port }, index) => `http://home.depot:${port}/${index}`);
    const { code, stderr } = await curl(proxy, '-v', ...urls);
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/Re-using existing .*connection/g)?.length, 2, stderr);
  });

  test('an upload of 20 MB in chunks arrives whole, and its echo comes back', async () => {
    await using app = await WebApp.listen((request, response) => void request.pipe(response));
    using files = tempDir();
    const [up, down] = [path.join(files.path, 'up'), path.join(files.path, 'down')];
    writeFileSync(up, randomBytes(20_000_000));
    const chunked = ['-H', 'Transfer-Encoding: chunked', '-T', up, '-o', down];
    succeeded(await curl(proxy, ...chunked, `http://home.depot:${app.port}/`));
    assert.ok(readFileSync(up).equals(readFileSync(down)));
  });

  test('Expect: 100-continue is the app’s to answer', async () => {
    await using app = await WebApp.listen((_, response) => response.end('never'));
    app.server.on('checkContinue', (request, response) => {
      if (request.url === '/no') {
        response.writeHead(417).end();
        return;
      }
      response.writeContinue();
      request.pipe(response);
    });
    const post = (where: string): Promise<Finished> =>
      curl(
        proxy,
        '-v',
        '--expect100-timeout',
        '20',
        '-H',
        'Expect: 100-continue',
        '-d',
        'hello',
        `http://home.depot:${app.port}/${where}`,
      );
    const yes = await post('yes');
    assert.equal(succeeded(yes), 'hello');
    assert.match(yes.stderr, /HTTP\/1\.1 100/);
    const no = await post('no');
    assert.match(no.stderr, /HTTP\/1\.1 417/);
  });

  test('a client of HTTP/1.0 is told of no 100: it would take it for the answer', async () => {
    await using app = await WebApp.listen((request, response) => void request.pipe(response));
    const fields = `Host: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n${basic}`;
    const answer = await answerTo(`POST http://home.depot:${app.port}/ HTTP/1.0\r\n${fields}\r\nhello`);
    assert.match(answer, /^HTTP\/1\.1 200 [^]*hello/);
  });

  test('HEAD, 204 and 304 have no body, and the connection goes on', async () => {
    await using app = await WebApp.listen(({ url = '' }, response) => {
      response.writeHead(Number(url.slice(1)), url === '/200' ? { 'Content-Length': 5 } : {}).end();
    });
    const head = (code: number, method: string): string =>
      `${method} http://home.depot:${app.port}/${code} HTTP/1.1\r\nHost: x\r\n${basic}\r\n`;
    const last = `GET http://home.depot:${web.port}/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${basic}\r\n`;
    const answer = await answerTo(head(200, 'HEAD'), head(204, 'GET'), head(304, 'GET'), last);
    assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 304', 'HTTP/1.1 200']);
    assert.match(answer, /"url":"\/last"/);
  });

  test('an answer that the app cuts off does not look whole', async () => {
    await using app = await App.listen((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', () =>
          socket.resetAndDestroy(),
        );
      });
    });
    const { code } = await curl(proxy, `http://home.depot:${app.port}/`);
    assert.ok([18, 52, 56].includes(code), `curl says ${code}`);
  });

  test('a client that goes away is seen by the app', async () => {
    const gone = Promise.withResolvers<void>();
    await using app = await App.listen((socket) => {
      socket.once('close', () => gone.resolve());
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nhello'));
    });
    using wire = await connect();
    wire.write(Buffer.from(`GET http://home.depot:${app.port}/ HTTP/1.1\r\nHost: x\r\n${basic}\r\n`));
    await wire.read(15);
    wire.socket.resetAndDestroy();
    await gone.promise;
  });

  const failures: readonly (readonly [string, () => Promise<string>, number, RegExp])[] = [
    ['nothing listens', async () => `http://home.depot:${await App.closedPort()}/`, 502, /nothing listens there/],
    ['no such local', async () => 'http://nobody.depot/', 502, /no such local/],
    ['not allowed', async () => 'http://169.254.169.254.home.depot/', 403, /not allowed/],
  ];
  for (const [what, url, status, why] of failures) {
    test(`${what}: ${status}, and why`, async () => {
      const stdout = succeeded(await curl(proxy, '-w', '%{http_code}', await url()));
      assert.match(stdout, why);
      assert.ok(stdout.endsWith(`${status}`), stdout);
    });
  }

  test('an app that speaks no HTTP: 502', async () => {
    await using app = await App.listen((socket) => socket.once('data', () => socket.end('SSH-2.0-x\r\n')));
    assert.match(succeeded(await curl(proxy, `http://home.depot:${app.port}/`)), /did not answer in HTTP/);
  });

  test('a local that is away: 503', async () => {
    await using lonely = await Depot.server();
    const { user, password } = lonely.login;
    const url = `http://${user}:${password}@${LOOPBACK}:${lonely.socksPort}`;
    assert.match(succeeded(await curl(url, '-i', 'http://home.depot/')), /^HTTP\/1\.1 50[23] /);
  });
});

test('wget and git, which have a proxy setting of their own', async () => {
  const http_proxy = proxy;
  const url = `http://home.depot:${web.port}/wget`;
  const wget = await run('wget', ['-q', '-O', '-', url], { env: { http_proxy } });
  assert.equal(parseAsked(succeeded(wget)).url, '/wget');

  const commit = 'c0ffee'.padEnd(40, '0');
  const files: Readonly<Record<string, string>> = {
    '/repo.git/info/refs': `${commit}\trefs/heads/main\n`,
    '/repo.git/HEAD': 'ref: refs/heads/main\n',
  };
  await using repository = await WebApp.listen(({ url: asked = '' }, response) => {
    const text = files[asked.split('?')[0] ?? ''];
    response.writeHead(text === undefined ? 404 : 200, { 'Content-Type': 'text/plain' }).end(text);
  });
  const settings = ['-c', `http.proxy=${proxy}`];
  const git = await run('git', [...settings, 'ls-remote', `http://home.depot:${repository.port}/repo.git`]);
  assert.match(succeeded(git), new RegExp(`${commit}\\s+refs/heads/main`));
});

describe('a request has one meaning', () => {
  const to = (): string => `http://home.depot:${web.port}/`;
  const twice: readonly (readonly [string, string])[] = [
    ['Content-Length and Transfer-Encoding', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'],
    ['a coding nobody knows', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'Content-Length : 5\r\n\r\nhello'],
    ['a folded field', 'X: a\r\n b\r\n\r\n'],
    ['a bare LF', 'X: a\nY: b\n\n'],
  ];
  for (const [what, rest] of twice) {
    test(`${what}: 400, and the app hears nothing`, async () => {
      let asked = 0;
      const count = (): void => void (asked += 1);
      web.server.on('request', count);
      const answer = await answerTo(
        `POST ${to()} HTTP/1.1\r\nHost: x\r\n${basic}${rest}GET ${to()}smuggled HTTP/1.1\r\n\r\n`,
      );
      web.server.off('request', count);
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.equal(asked, 0);
    });
  }

  test('however many fields there are, the last one counts', async () => {
    const heard = Promise.withResolvers<string>();
    await using app = await App.listen((socket) => {
      let text = '';
      socket.on('data', (bytes: Buffer) => {
        text += bytes.toString();
        if (!text.endsWith('\r\n0\r\n\r\n')) return;
        heard.resolve(text);
        socket.end('HTTP/1.1 204 No Content\r\n\r\n');
      });
    });
    const many = 'a:\r\n'.repeat(2500);
    const head = `POST http://home.depot:${app.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${basic}${many}`;
    const answer = await answerTo(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 204/);
    const asked = await heard.promise;
    assert.match(asked, /Transfer-Encoding: chunked/);
    assert.doesNotMatch(asked, /Content-Length/);
    assert.equal(asked.match(/^a: /gm)?.length, 2500);
  });

  test('a refused request with half of its body ends the connection', async () => {
    const closed = `http://home.depot:${await App.closedPort()}/`;
    const answer = await answerTo(`POST ${closed} HTTP/1.1\r\nHost: x\r\n${basic}Content-Length: 10\r\n\r\nhello`);
    assert.match(answer, /^HTTP\/1\.1 502 [^]*Connection: close/);
  });

  test('a Host field that says something else than the target is not believed', async () => {
    const answer = await answerTo(`GET ${to()} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n${basic}\r\n`);
    assert.doesNotMatch(answer, /evil/);
  });
});

test('a WebSocket through absolute-form', async () => {
  await using app = await WebApp.listen((_, response) => response.writeHead(426).end('upgrade!'));
  app.server.on('upgrade', (request, socket, head) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Key: ${request.headers['sec-websocket-key']}\r\n\r\n`,
    );
    socket.unshift(head);
    socket.pipe(socket);
  });
  using wire = await connect();
  const head = `GET http://home.depot:${app.port}/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n${basic}\r\n`;
  wire.finish(Buffer.from(`${head}early frames`));
  const answer = (await wire.rest()).toString();
  assert.match(answer, /^HTTP\/1\.1 101 [^]*X-Key: k\r\n\r\nearly frames$/);

  // An app that does not want to is heard, too.
  await using unwilling = await WebApp.listen((_, response) => response.writeHead(426).end('x'.repeat(500_000)));
  const refused = await answerTo(head.replace(`:${app.port}`, `:${unwilling.port}`));
  assert.match(refused, /^HTTP\/1\.1 426 [^]*Connection: close/);
  assert.ok(refused.length > 500_000);
});

describe('who somebody is', () => {
  test('nobody: 407 with what is wanted, and the connection may be used for a second try', async () => {
    const { code, stdout, stderr } = await curl(
      `http://${LOOPBACK}:${depot.socksPort}`,
      '-v',
      `http://home.depot:${web.port}/`,
    );
    assert.equal(code, 0);
    assert.match(stderr, /407 Proxy Authentication Required/);
    assert.match(stderr, /Proxy-Authenticate: Basic realm="depot"/);
    assert.match(stdout, /^depot: 407: depot wants a user name and a password/);
    const anyauth = succeeded(await curl(proxy, '--proxy-anyauth', `http://home.depot:${web.port}/any`));
    assert.equal(parseAsked(anyauth).url, '/any');
  });

  test('a wrong password, and what is no Basic: 407', async () => {
    await using other = await Depot.server();
    for (const value of [`Basic ${btoa('owner:wrong')}`, `Basic ${btoa('owner')}`, 'Basic !', 'Bearer x']) {
      using wire = await Wire.connect(other.socksPort);
      wire.write(Buffer.from(`CONNECT home.depot:80 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${value}\r\n\r\n`));
      assert.match((await wire.rest()).toString(), /^HTTP\/1\.1 407 [^]*\r\n\r\ndepot: 407: wrong user or password/);
    }
  });

  test('a user’s name may carry the local', async () => {
    const url = proxy.replace('//owner:', '//owner+home:');
    assert.equal(parseAsked(succeeded(await curl(url, `http://${LOOPBACK}:${web.port}/`))).url, '/');
  });

  test('without authentication nobody has to say, and who does has to be right', async () => {
    await using open = await Depot.pair({ allowAnonymous: true });
    const at = `${LOOPBACK}:${open.socksPort}`;
    const url = `http://home.depot:${web.port}/`;
    for (const kind of ['socks4', 'socks4a', 'socks5', 'socks5h', 'http']) {
      const host = kind === 'socks4' || kind === 'socks5' ? LOOPBACK : 'home.depot';
      const asked = await curl(`${kind}://${at}`, url.replace('home.depot', host));
      assert.equal(parseAsked(succeeded(asked)).url, '/', kind);
    }
    const wrong = await curl(`http://owner:wrong@${at}`, '-i', url);
    assert.match(wrong.stdout, /^HTTP\/1\.1 407/);
  });

  test('SOCKS4 has no passwords: where one is wanted it is rejected', async () => {
    using wire = await connect();
    wire.write(Buffer.from([4, 1, 0, 80, 127, 0, 0, 1, 0]));
    assert.equal((await wire.rest()).toString('hex'), '005b000000000000');
    const { code } = await curl(`socks4a://${LOOPBACK}:${depot.socksPort}`, `http://home.depot:${web.port}/`);
    assert.equal(code, 97);
  });
});
