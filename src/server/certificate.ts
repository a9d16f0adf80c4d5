// The certificate that clients of the entry see: from files, else one that the server makes of its own key and keeps, so
// that a client can be told once to trust it.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Home } from '../config/home.ts';
import { CertificateFiles } from '../credentials/certificate-files.ts';
import type { Log } from '../log.ts';
import { certificateFor } from '../net/identity.ts';
import { ClientTls, type KeyPair } from '../net/tls.ts';
import { isIP } from '../socks/address.ts';
import { advertisedHost, type ServerState } from './state.ts';

export interface EntryCertificate {
  readonly tls: ClientTls;
  /** Where it comes from; undefined for the server's own. */
  readonly files: CertificateFiles | undefined;
}

/** The one of a server, by its settings. Throws `invalid-config`. */
export const certificateOf = ({ config, home, identity }: ServerState, log: Log): EntryCertificate => {
  const files = CertificateFiles.of(config, log);
  const tls = new ClientTls(files?.pair ?? ownPair(home, identity.privateKey, advertisedHost(config)));
  files?.onChange((pair) => tls.use(pair));
  return { tls, files };
};

/** The one in the home as long as it is of this key and for this host. */
const ownPair = (home: Home, privateKey: string, host: string): KeyPair => {
  const file = home.certificateFile;
  const kept = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  if (kept !== undefined && isFor(kept, privateKey, host)) return { certificate: kept, privateKey };
  const certificate = certificateFor(privateKey, [...new Set([host, 'localhost', '127.0.0.1', '::1'])]);
  home.write(file, certificate);
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
