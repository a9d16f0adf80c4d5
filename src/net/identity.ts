// Who a side of the link is: a P-256 key pair that it made for itself. The other side pins the public key,
// so the certificate around it is only what TLS wants to see: self-signed, made anew at each start, never checked.
// Clients of the entry do check: for them there is one that says how this host is called.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import type tls from 'node:tls';
import { ipBytes, isIP } from '../socks/address.ts';

export interface Identity {
  /** PEM, PKCS #8. Secret. */
  readonly privateKey: string;
  /** PEM. */
  readonly certificate: string;
  /** SHA-256 of the public key (SPKI), base64url: 43 characters. */
  readonly fingerprint: string;
}

/** A new private key, as PEM. */
export const generatePrivateKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });

/** The identity of a private key. Throws where the text is no private key. */
export const identityOf = (privateKey: string): Identity => {
  const key = createPrivateKey(privateKey);
  const publicKey = spkiOf(createPublicKey(key));
  return { privateKey, certificate: selfSigned(key, publicKey), fingerprint: fingerprintOf(publicKey) };
};

/** The fingerprint of whoever is at the other end of a TLS connection; undefined where it showed no certificate. */
export const peerFingerprint = (socket: tls.TLSSocket): string | undefined => {
  const certificate = socket.getPeerX509Certificate();
  return certificate && fingerprintOf(spkiOf(certificate.publicKey));
};

/** What is kept of a secret of 256 random bits: it needs no slow hash. */
export const digestOfSecret = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

const fingerprintOf = (spki: Buffer): string => createHash('sha256').update(spki).digest('base64url');

// As much DER (X.690) as such a certificate (RFC 5280, section 4.1) needs.
const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Uint8Array.from([tag, ...length]), content]);
};
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const time = (text: string): Buffer => der(0x18, Buffer.from(text));
const VERSION_3 = der(0xa0, der(0x02, Uint8Array.of(2)));
const ECDSA_WITH_SHA256 = sequence(Buffer.from('06082a8648ce3d040302', 'hex'));
const NAME = sequence(der(0x31, sequence(Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('depot')))));

/** SubjectAltName (RFC 5280, section 4.2.1.6), and that it is the certificate of a server (4.2.1.12). */
const extensionsFor = (hosts: readonly string[]): Buffer => {
  const names = hosts.map((host) => (isIP(host) ? der(0x87, ipBytes(host)) : der(0x82, Buffer.from(host))));
  const extension = (oid: string, value: Buffer): Buffer => sequence(Buffer.from(oid, 'hex'), der(0x04, value));
  const serverAuth = Buffer.from('06082b06010505070301', 'hex');
  const all = [extension('0603551d11', sequence(...names)), extension('0603551d25', sequence(serverAuth))];
  return der(0xa3, sequence(...all));
};

/** A certificate of this key for these names and addresses, as PEM. It is no CA: to trust it is to trust this host. */
export const certificateFor = (privateKey: string, hosts: readonly string[]): string => {
  const key = createPrivateKey(privateKey);
  return selfSigned(key, spkiOf(createPublicKey(key)), hosts);
};

/** Version 1 without `hosts`, version 3 with them. */
const selfSigned = (key: KeyObject, spki: Buffer, hosts?: readonly string[]): string => {
  const serial = randomBytes(16);
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f);
  const validity = sequence(time('20200101000000Z'), time('99991231235959Z'));
  const fields = [der(0x02, serial), ECDSA_WITH_SHA256, NAME, validity, NAME, spki];
  const body = hosts === undefined ? sequence(...fields) : sequence(VERSION_3, ...fields, extensionsFor(hosts));
  const signature = der(0x03, Uint8Array.of(0), sign('sha256', body, key));
  const base64 = sequence(body, ECDSA_WITH_SHA256, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)?.join('\n')}\n-----END CERTIFICATE-----\n`;
};
