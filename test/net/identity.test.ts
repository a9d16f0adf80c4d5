import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import { DepotError } from '../../src/errors.ts';
import { resolveHost } from '../../src/net/dial.ts';
import { generatePrivateKey, type Identity, identityOf, peerFingerprint } from '../../src/net/identity.ts';
import { TlsAcceptor, TlsDialer } from '../../src/net/tls.ts';
import { LOCAL, NEVER, SERVER, tlsPair } from '../support/link.ts';

const listening = async (t: TestContext): Promise<{ readonly listener: net.Server; readonly port: number }> => {
  const listener = net.createServer({ pauseOnConnect: true });
  listener.listen({ host: '127.0.0.1', port: 0 });
  await once(listener, 'listening');
  t.after(() => listener.close());
  return { listener, port: (listener.address() as net.AddressInfo).port };
};

const nextSocket = async (t: TestContext, listener: net.Server): Promise<net.Socket> => {
  const [socket] = (await once(listener, 'connection')) as [net.Socket];
  t.after(() => socket.destroy());
  return socket;
};

describe('an identity', () => {
  it('is named by the SHA-256 of its public key', () => {
    const { certificate, fingerprint } = SERVER;
    const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
    assert.equal(fingerprint, createHash('sha256').update(spki).digest('base64url'));
    assert.match(fingerprint, /^[\w-]{43}$/);
  });

  it('is the same again from the same key, and another from another', () => {
    const key = generatePrivateKey();
    assert.equal(identityOf(key).fingerprint, identityOf(key).fingerprint);
    assert.notEqual(identityOf(key).fingerprint, identityOf(generatePrivateKey()).fingerprint);
  });

  it('has a certificate that is whole: signed by its own key, valid now and for ever, and different each time', () => {
    const certificates = Array.from(
      { length: 20 },
      () => new X509Certificate(identityOf(SERVER.privateKey).certificate),
    );
    for (const certificate of certificates) {
      assert.ok(certificate.verify(certificate.publicKey));
      assert.ok(certificate.validFromDate.getTime() < Date.now());
      assert.equal(certificate.validToDate.getUTCFullYear(), 9999);
    }
    assert.equal(new Set(certificates.map(({ serialNumber }) => serialNumber)).size, 20);
  });

  it('cannot be made of what is no private key', () => {
    for (const text of ['', 'key', SERVER.certificate]) assert.throws(() => identityOf(text));
  });
});

describe('a TLS handshake', () => {
  it('is of version 1.3 and shows each side the fingerprint of the other', async (t) => {
    const { server, local } = await tlsPair(t);
    assert.equal(server.getProtocol(), 'TLSv1.3');
    assert.equal(peerFingerprint(server), LOCAL.fingerprint);
    assert.equal(peerFingerprint(local), SERVER.fingerprint);
  });

  it('carries what is sent right after it, by either side', async (t) => {
    const { server, local } = await tlsPair(t);
    const [toServer, toLocal] = [once(server, 'data'), once(local, 'data')];
    local.write('from local');
    server.write('from server');
    assert.equal(String((await toServer)[0]), 'from local');
    assert.equal(String((await toLocal)[0]), 'from server');
  });

  it('with another key than the one that is pinned is given up before anything is sent', async (t) => {
    const { listener, port } = await listening(t);
    const stranger = identityOf(generatePrivateKey());
    const heard = nextSocket(t, listener).then(async (socket) => {
      const peer = await new TlsAcceptor(stranger).accept(socket, NEVER).catch(() => undefined);
      const pieces: Buffer[] = [];
      if (peer === undefined || peer.socket.destroyed) return pieces;
      peer.socket.on('error', () => undefined).on('data', (piece: Buffer) => pieces.push(piece));
      await new Promise((resolve) => peer.socket.once('close', resolve));
      return pieces;
    });
    const { fingerprint } = SERVER;
    const dialing = new TlsDialer(LOCAL).dial({
      host: '127.0.0.1',
      port,
      fingerprint,
      resolve: resolveHost,
      signal: NEVER,
    });
    await assert.rejects(dialing, (error) => error instanceof DepotError && error.code === 'identity-mismatch');
    assert.deepEqual(await heard, []);
  });

  const STRANGERS: readonly (readonly [what: string, options: tls.ConnectionOptions])[] = [
    ['an older version', { maxVersion: 'TLSv1.2', key: LOCAL.privateKey, cert: LOCAL.certificate }],
    ['no key of its own', {}],
  ];
  for (const [what, options] of STRANGERS) {
    it(`by a client with ${what} is refused, and its socket is closed`, async (t) => {
      const { listener, port } = await listening(t);
      const accepting = nextSocket(t, listener).then((socket) => new TlsAcceptor(SERVER).accept(socket, NEVER));
      const client = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
      client.on('error', () => undefined);
      const closed = new Promise((resolve) => client.once('close', resolve));
      await assert.rejects(accepting, (error) => error instanceof DepotError && error.code === 'protocol-violation');
      client.resume();
      await closed;
    });
  }

  it('by somebody who speaks no TLS is refused', async (t) => {
    const { listener, port } = await listening(t);
    const accepting = nextSocket(t, listener).then((socket) => new TlsAcceptor(SERVER).accept(socket, NEVER));
    const client = net.connect({ host: '127.0.0.1', port });
    client.on('error', () => undefined);
    client.write('GET / HTTP/1.1\r\n\r\n');
    await assert.rejects(accepting, (error) => error instanceof DepotError && error.code === 'protocol-violation');
    client.destroy();
  });

  it('that is never finished ends when its time is over, and its socket with it', async (t) => {
    const { listener, port } = await listening(t);
    const aborter = new AbortController();
    const late = new DepotError('timed-out', 'the handshake took too long');
    const client = net.connect({ host: '127.0.0.1', port });
    const closed = once(client, 'close');
    const socket = await nextSocket(t, listener);
    const accepting = new TlsAcceptor(SERVER).accept(socket, aborter.signal);
    aborter.abort(late);
    await assert.rejects(accepting, late);
    client.resume();
    await closed;
  });

  it('that the other side leaves in the middle is a lost connection', async (t) => {
    const { listener, port } = await listening(t);
    const accepting = nextSocket(t, listener).then((socket) => new TlsAcceptor(SERVER).accept(socket, NEVER));
    const client = net.connect({ host: '127.0.0.1', port }, () => client.end());
    await assert.rejects(accepting, (error) => error instanceof DepotError);
  });

  it('proves the key: a certificate that was copied is of no use without it', async (t) => {
    const thief: Identity = { ...identityOf(generatePrivateKey()), certificate: LOCAL.certificate };
    assert.throws(() => new TlsDialer(thief));
    await tlsPair(t);
  });
});
