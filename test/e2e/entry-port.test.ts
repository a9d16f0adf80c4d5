// What the entry says to those who ask for the port itself, the PAC file, and how it gets rid of those who waste its time.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK, type Login } from '../support/depot.ts';
import { evaluatePac } from '../support/pac.ts';
import { curl, type Finished, succeeded } from '../support/programs.ts';
import { Wire } from '../support/socks-client.ts';
import { WebApp } from '../support/web-app.ts';

/** Short for those who waste it, and long enough for a machine that is busy. */
const HANDSHAKE_MS = 1500;

let depot: Depot;
let web: WebApp;
let proxy: string;
let basic: string;
before(async () => {
  depot = await Depot.pair({ handshakeMs: HANDSHAKE_MS });
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

describe('the port itself', () => {
  const pac = (...args: readonly string[]): Promise<Finished> =>
    curl('', ...args, `http://${LOOPBACK}:${depot.socksPort}/proxy.pac`);

  test('gives the PAC to anybody: .depot goes here, everything else does not', async () => {
    const text = succeeded(await pac('-i'));
    assert.match(text, /Content-Type: application\/x-ns-proxy-autoconfig/i);
    const find = evaluatePac(text.split('\r\n\r\n')[1] ?? '');
    assert.equal(find('nas.depot'), `PROXY ${LOOPBACK}:${depot.socksPort}`);
    assert.equal(find('printer.NAS.depot.'), `PROXY ${LOOPBACK}:${depot.socksPort}`);
    for (const host of ['depot', 'example.org', 'nas.depot.example.org', 'xdepot']) assert.equal(find(host), 'DIRECT');
  });

  test('a Host field gets into it only where it is a host and a port', async () => {
    const named = evaluatePac(succeeded(await pac('-H', 'Host: gw.example:1234')));
    assert.equal(named('nas.depot'), 'PROXY gw.example:1234');
    for (const evil of ['x"; alert(1); "', 'a b', 'a:99999', 'x;DIRECT', 'user@host:80']) {
      const find = evaluatePac(succeeded(await pac('-H', `Host: ${evil}`)));
      assert.equal(find('nas.depot'), `PROXY ${LOOPBACK}:${depot.socksPort}`, evil);
    }
  });

  describe('with hosts and rules', () => {
    let other: Depot;
    let alice: Login;
    before(async () => {
      other = await Depot.pair({ pacHosts: ['*.office.example'], rules: ['allow *.lan:80'] });
      alice = await other.addUser('alice', ['home'], { rules: ['deny secret.lan', 'allow 10.1.0.0/16'] });
    });
    after(() => other[Symbol.asyncDispose]());
    const ask = (target: string, ...args: readonly string[]): Promise<Finished> =>
      curl('', ...args, `http://${LOOPBACK}:${other.socksPort}/proxy.pac${target}`);
    const own = (): string => `${alice.user}:${alice.password}`;

    test('gives a stranger what is for everybody, and no word of the rules', async () => {
      const text = succeeded(await ask(''));
      assert.match(evaluatePac(text)('a.office.example'), /^PROXY/);
      assert.doesNotMatch(text, /lan|10\.1|secret/);
    });

    test('gives a user with its password what its rules add, in the order in which they count', async () => {
      for (const target of ['', '?login']) {
        const find = evaluatePac(succeeded(await ask(target, '--user', own())));
        for (const host of ['a.office.example', 'a.lan', '10.1.2.3', 'nas.depot']) assert.match(find(host), /^PROXY/);
        for (const host of ['secret.lan', '10.2.0.1', 'example.org']) assert.equal(find(host), 'DIRECT', host);
      }
    });

    test('asks for the password at ?login, refuses a wrong one, and answers no page', async () => {
      const refused = succeeded(await ask('?login', '-i'));
      assert.match(refused, /^HTTP\/1\.1 401 [^]*WWW-Authenticate: Basic/i);
      assert.match(succeeded(await ask('', '-i', '--user', 'alice:wrong')), /^HTTP\/1\.1 401 /);
      for (const header of ['Sec-Fetch-Site: cross-site', 'Origin: https://evil.example'])
        assert.match(succeeded(await ask('', '-i', '--user', own(), '-H', header)), /^HTTP\/1\.1 403 /);
    });
  });

  test('says what it is to whoever takes it for a web site', async () => {
    for (const line of ['GET / HTTP/1.1', 'POST /proxy.pac HTTP/1.1', 'GET /x HTTP/1.1']) {
      const answer = await answerTo(`${line}\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 404 [^]*entry of depot/);
    }
    for (const target of [
      '*',
      'https://home.depot/',
      'ftp://home.depot/',
      'http://',
      'http://a:b@home.depot/',
      'http://home.depot:99999/',
    ])
      assert.match(await answerTo(`GET ${target} HTTP/1.1\r\nHost: x\r\n${basic}\r\n`), /^HTTP\/1\.1 400 /, target);
  });
});

describe('strangers', () => {
  test('are gone within the time of a handshake, however they spend it', { timeout: 10_000 }, async () => {
    const get = `GET http://home.depot:${web.port}/ HTTP/1.1\r\nHost: x\r\n`;
    const ways: readonly (readonly [string, (wire: Wire) => NodeJS.Timeout | undefined])[] = [
      ['half a line', (wire) => setTimeout(() => wire.write(Buffer.from('GET /')), 0)],
      ['a head without an end', (wire) => setInterval(() => wire.write(Buffer.from('X: y\r\n')), 50)],
      ['407 again and again', (wire) => setInterval(() => wire.write(Buffer.from(`${get}\r\n`)), 50)],
      [
        'a body without an end',
        (wire) => {
          wire.write(Buffer.from(`${get.replace('GET', 'POST')}Transfer-Encoding: chunked\r\n\r\n`));
          return setInterval(() => wire.write(Buffer.from('1\r\nx\r\n')), 50);
        },
      ],
    ];
    await Promise.all(
      ways.map(async ([what, act]) => {
        using wire = await connect();
        if (what === 'a head without an end') wire.write(Buffer.from(get));
        const timer = act(wire);
        await wire.ending();
        clearInterval(timer);
      }),
    );
  });

  test('a head that is too long: 431', async () => {
    const answer = await answerTo(`GET / HTTP/1.1\r\nHost: x\r\n${'X: yyyyyyyyyyyyyyyy\r\n'.repeat(3000)}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 431 /);
  });

  test('letters that begin no HTTP: 400', async () => {
    assert.match(await answerTo('SSH-2.0-OpenSSH\r\n'), /^HTTP\/1\.1 400 /);
  });

  test('who was let in may take longer than a handshake', async () => {
    await using app = await App.listen((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
        setTimeout(() => socket.end('hello'), HANDSHAKE_MS * 1.2);
      });
    });
    assert.equal(succeeded(await curl(proxy, `http://home.depot:${app.port}/`)), 'hello');
  });
});

test('a server that stops ends connections that wait for a further request', async () => {
  await using other = await Depot.pair({ httpIdleMs: 60_000 });
  using wire = await Wire.connect(other.socksPort);
  wire.write(Buffer.from(`GET http://home.depot:${web.port}/ HTTP/1.1\r\nHost: x\r\n${other.basic}\r\n`));
  await wire.read(15);
  await Promise.all([other.server.stop({ drain: true }), wire.ending()]);
});
