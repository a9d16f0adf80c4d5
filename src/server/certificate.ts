// The certificate that clients of the entry see: from files, else one that the server makes of its own key and keeps, so
// that a client can be told once to trust it.

import { CertificateFiles } from '../credentials/certificate-files.ts';
import type { Log } from '../log.ts';
import { ownCertificate } from '../net/own-certificate.ts';
import { ClientTls } from '../net/tls.ts';
import { advertisedHost, type ServerState } from './state.ts';

export interface EntryCertificate {
  readonly tls: ClientTls;
  /** Where it comes from; undefined for the server's own. */
  readonly files: CertificateFiles | undefined;
}

/** The one of a server, by its settings. Throws `invalid-config`. */
export const certificateOf = ({ config, home, identity }: ServerState, log: Log): EntryCertificate => {
  const files = CertificateFiles.of(config, log);
  const { privateKey } = identity;
  const own = { ...home.certificate, privateKey, host: advertisedHost(config) };
  const tls = new ClientTls(files?.pair ?? ownCertificate(own));
  files?.onChange((pair) => tls.use(pair));
  return { tls, files };
};
