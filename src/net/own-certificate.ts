// The certificate that a role makes of its own key for those who connect to it, and keeps, so that they can be told once
// to trust it. Knows no files: it is told what was kept, and how to keep.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from '../socks/address.ts';
import { certificateFor } from './identity.ts';
import type { KeyPair } from './tls.ts';

export interface OwnCertificateOptions {
  /** PEM; undefined where there is none yet. */
  readonly kept: string | undefined;
  readonly keep: (certificate: string) => void;
  /** PEM. */
  readonly privateKey: string;
  /** How others call this host; it is good for the loopback as well. */
  readonly host: string;
}

/** The one that was kept, as long as it is of this key and for this host. */
export const ownCertificate = ({ kept, keep, privateKey, host }: OwnCertificateOptions): KeyPair => {
  if (kept !== undefined && isFor(kept, privateKey, host)) return { certificate: kept, privateKey };
  const certificate = certificateFor(privateKey, [...new Set([host, 'localhost', '127.0.0.1', '::1'])]);
  keep(certificate);
  return { certificate, privateKey };
};

const isFor = (pem: string, privateKey: string, host: string): boolean => {
  try {
    const certificate = new X509Certificate(pem);
    const named = isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host);
    return named !== undefined && certificate.checkPrivateKey(createPrivateKey(privateKey));
  } catch {
    // No certificate at all: it is made anew.
    return false;
  }
};
