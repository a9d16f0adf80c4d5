// Everything that the entry speaks, inside TLS.

import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { createServer } from '../../src/index.ts';
import { certificateFor, generatePrivateKey } from '../../src/net/identity.ts';
import { App, collect, ending } from '../support/apps.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { curl, type Finished, run, succeeded } from '../support/programs.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { credentials, greeting, request, Wire } from '../support/socks-client.ts';
import { parseAsked, WebApp } from '../support/web-app.ts';

/** Short for those who waste it, and long enough for a machine that is busy. */
const HANDSHAKE_MS = 1500;

let home: ReturnType<typeof tempDir>;
let depot: Depot;
let web: WebApp;
let proxy: string;
before(async () => {
  home = tempDir();
  depot = await Depot.pair({ home: home.path });
  web = await WebApp.echo();
  proxy = depot.httpProxyUrl('https');
});
after(async () => {
  await web[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

const certificate = (): string => path.join(home.path, 'certificate.pem');

/** A TLS client, and the TCP socket under it. */
const secured = async (port = depot.socksPort): Promise<{ wire: Wire; socket: tls.TLSSocket; raw: net.Socket }> => {
  const raw = net.connect({ host: LOOPBACK, port, allowHalfOpen: true });
  // TLS can be half-open, too, but the types do not know.
  const options: tls.ConnectionOptions & { allowHalfOpen: boolean } = {
    socket: raw,
    rejectUnauthorized: false,
    allowHalfOpen: true,
  };
  const socket = tls.connect(options);
  await once(socket, 'secureConnect');
  return { wire: new Wire(socket), socket, raw };
};

const conversation = (port: number, early: Uint8Array = Buffer.alloc(0)): Buffer =>
  Buffer.concat([greeting(2), credentials(depot.login), request('home.depot', port), early]);

const openStream = async (port: number): Promise<Awaited<ReturnType<typeof secured>>> => {
  const client = await secured();
  client.wire.write(conversation(port));
  await client.wire.read(4);
  assert.equal((await client.wire.readReply()).reply, 0);
  return client;
};

describe('curl with an HTTPS proxy', () => {
  const url = (): string => `http://home.depot:${web.port}/tls`;

  test('trusts the certificate in the home, for both kinds of requests', async () => {
    for (const kind of [[], ['--proxytunnel']]) {
      const stdout = succeeded(await curl(proxy, ...kind, '--proxy-cacert', certificate(), url()));
      assert.equal(parseAsked(stdout).url, '/tls');
    }
    assert.equal((await curl(proxy, url())).code, 60, 'nobody else vouches for it');
  });

  test('gets a PAC that leads back into TLS', async () => {
    const at = `${LOOPBACK}:${depot.socksPort}`;
    const text = succeeded(await curl('', '--cacert', certificate(), `https://${at}/proxy.pac`));
    assert.ok(text.includes(`"HTTPS ${at}"`), text);
  });
});

test('openssl agrees on HTTP/1.1 and TLS 1.3 or 1.2, and on nothing older', async () => {
  const connect = (...args: readonly string[]): Promise<Finished> =>
    run('openssl', ['s_client', '-connect', `${LOOPBACK}:${depot.socksPort}`, '-CAfile', certificate(), ...args]);
  const newest = await connect('-alpn', 'h2,http/1.1', '-verify_ip', LOOPBACK);
  assert.match(newest.stdout, /ALPN protocol: http\/1\.1[^]*Verify return code: 0/);
  assert.match((await connect('-tls1_2')).stdout, /Protocol *: TLSv1\.2/);
  assert.notEqual((await connect('-tls1_1', '-cipher', 'ALL:@SECLEVEL=0')).code, 0);
});

describe('SOCKS5 inside TLS', () => {
  test('early data, half-close and the late answer, whole', async () => {
    await using app = await App.listen((socket) => {
      void collect(socket).then((bytes) => socket.end(createHash('sha256').update(bytes).digest('hex')));
    });
    for (const size of [0, 1, 70_000, 5_000_000]) {
      const data = randomBytes(size);
      const { wire } = await secured();
      using _ = wire;
      wire.finish(conversation(app.port, data));
      await wire.read(4);
      assert.equal((await wire.readReply()).reply, 0);
      assert.equal((await wire.rest()).toString(), createHash('sha256').update(data).digest('hex'));
    }
  });

  test('20 MB there and back at the same time are the same', async () => {
    await using app = await App.echo();
    const { wire } = await openStream(app.port);
    const socket = wire.release();
    const data = randomBytes(20_000_000);
    const back = collect(socket);
    socket.end(data);
    assert.ok((await back).equals(data));
  });

  test('an abort is an abort, in both directions', async () => {
    const accepted = Promise.withResolvers<net.Socket>();
    await using app = await App.listen((socket) => accepted.resolve(socket));
    const first = await openStream(app.port);
    (await accepted.promise).resetAndDestroy();
    assert.equal(await first.wire.ending(), 'rst');

    const again = Promise.withResolvers<net.Socket>();
    await using other = await App.listen((socket) => again.resolve(socket));
    const { raw } = await openStream(other.port);
    const seen = ending(await again.promise);
    raw.resetAndDestroy();
    assert.equal(await seen, 'rst');
  });

  test('a client that stops reading stops the app', async () => {
    let written = 0;
    const begun = Promise.withResolvers<void>();
    await using app = await App.listen((socket) => {
      const more = (): void => {
        written += 1024 * 1024;
        if (written > 5_000_000) begun.resolve();
        socket.write(Buffer.alloc(1024 * 1024), (error) => {
          if (!error) more();
        });
      };
      more();
    });
    const { socket, wire } = await openStream(app.port);
    wire.release();
    await begun.promise;
    let earlier = 0;
    // It stands when nothing moves any more; how far it came is bounded by windows and socket buffers.
    while (earlier !== written) {
      earlier = written;
      await sleep(300);
    }
    assert.ok(written < 100_000_000, `${written} bytes`);
    socket.destroy();
  });
});

describe('strangers', () => {
  const hello = Buffer.from('16030100', 'hex');
  let hasty: Depot;
  before(async () => {
    hasty = await Depot.server({ handshakeMs: HANDSHAKE_MS });
  });
  after(() => hasty[Symbol.asyncDispose]());

  test('are gone within the time of a handshake', { timeout: 10_000 }, async () => {
    const raw = [hello.subarray(0, 1), hello].map(async (bytes) => {
      using wire = await Wire.connect(hasty.socksPort);
      wire.write(bytes);
      await wire.ending();
    });
    const dripping = async (): Promise<void> => {
      using wire = await Wire.connect(hasty.socksPort);
      wire.write(Buffer.from('1603010200010001fc0303', 'hex'));
      const timer = setInterval(() => wire.write(Buffer.of(0)), 50);
      await wire.ending();
      clearInterval(timer);
    };
    const inside = [[], [Buffer.from('GET /')], [Buffer.of(5, 1)]].map(async (parts) => {
      const { wire } = await secured(hasty.socksPort);
      if (parts.length > 0) wire.write(...parts);
      await wire.ending();
      wire[Symbol.dispose]();
    });
    await Promise.all([...raw, dripping(), ...inside]);
  });

  test('who talk nonsense, outside or inside, or TLS inside TLS, are closed at once', async () => {
    using outside = await Wire.connect(hasty.socksPort);
    outside.write(hello, randomBytes(1000));
    await outside.ending();
    for (const bytes of [randomBytes(1000).fill(0xff, 0, 1), Buffer.concat([hello, randomBytes(100)])]) {
      const { wire } = await secured(hasty.socksPort);
      wire.write(bytes);
      await wire.ending();
      wire[Symbol.dispose]();
    }
  });
});

describe('a certificate from files', () => {
  const subjectOf = async (port: number): Promise<string> => {
    const socket = tls.connect({ host: LOOPBACK, port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { subjectAltName = '' } = socket.getPeerX509Certificate() as X509Certificate;
    socket.destroy();
    return subjectAltName;
  };

  test('is looked at again when it changes; a bad one changes nothing', { timeout: 20_000 }, async () => {
    using directory = tempDir();
    const file = (name: string): string => path.join(directory.path, name);
    const put = (name: string, text: string): void => {
      writeFileSync(file(`${name}.new`), text);
      renameSync(file(`${name}.new`), file(name));
    };
    const pair = (host: string): void => {
      const key = generatePrivateKey();
      put('key.pem', key);
      put('cert.pem', certificateFor(key, [host]));
    };
    const { log, lines, message } = recordedLog();
    pair('one.example');
    const files = { tlsCertificate: file('cert.pem'), tlsKey: file('key.pem') };
    await using other = await Depot.server({ ...files, log });
    assert.match(await subjectOf(other.socksPort), /one\.example/);
    pair('two.example');
    assert.match(await message('certificate'), /uses the new/);
    assert.match(await subjectOf(other.socksPort), /two\.example/);
    put('cert.pem', 'rubbish');
    assert.match(await message('certificate-kept'), /keeps the certificate that it has: .*cert\.pem/);
    assert.match(await subjectOf(other.socksPort), /two\.example/);
    pair('three.example');
    assert.match(await message('certificate'), /uses the new/);
    assert.match(await subjectOf(other.socksPort), /three\.example/);
    assert.ok(!JSON.stringify(lines).includes('PRIVATE'));
  });

  test('has to be a pair, with both of its files', async () => {
    using directory = tempDir();
    const file = (name: string): string => path.join(directory.path, name);
    writeFileSync(file('key.pem'), generatePrivateKey());
    writeFileSync(file('cert.pem'), certificateFor(generatePrivateKey(), ['x.example']));
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ tlsCertificate: file('cert.pem') }, /go together/],
      [{ tlsCertificate: file('none.pem'), tlsKey: file('key.pem') }, /Cannot read .*none\.pem: ENOENT/],
      [{ tlsCertificate: file('cert.pem'), tlsKey: file('key.pem') }, /are no certificate with its key/],
    ];
    for (const [settings, message] of wrong)
      await assert.rejects(Depot.server(settings), { code: 'invalid-config', message });
  });
});

test('the own certificate stays the same while key and host do, and is no CA', async () => {
  using directory = tempDir();
  const read = (): string => readFileSync(path.join(directory.path, 'certificate.pem'), 'utf8');
  const start = async (advertise?: string): Promise<void> => {
    const settings = { home: directory.path, host: LOOPBACK, socksPort: 0, controlPort: 0, webPort: 0 };
    await using _ = await createServer(advertise === undefined ? settings : { ...settings, advertise });
  };
  await start();
  const first = read();
  const parsed = new X509Certificate(first);
  assert.equal(parsed.ca, false);
  assert.ok(parsed.checkIP('::1') && parsed.checkHost('localhost') && parsed.checkIP(LOOPBACK));
  await start();
  assert.equal(read(), first);
  await start('gw.example');
  assert.equal(new X509Certificate(read()).checkHost('gw.example'), 'gw.example');
});
