// The certificate that clients of the entry see: from files, looked at again when they change, else one that the server
// makes of its own key and keeps, so that a client can be told once to trust it.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, type FSWatcher, readFileSync, watch } from 'node:fs';
import path from 'node:path';
import type { Home } from '../config/home.ts';
import { DepotError, errnoOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { certificateFor } from '../net/identity.ts';
import { ClientTls, type KeyPair } from '../net/tls.ts';
import { isIP } from '../socks/address.ts';
import { advertisedHost, type ServerState } from './state.ts';

interface CertificateOptions {
  readonly tlsCertificate?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly home: Home;
  /** The server's own key, PEM. */
  readonly privateKey: string;
  /** How clients call this host. */
  readonly host: string;
  readonly log: Log;
}

interface Files {
  readonly certificate: string;
  readonly key: string;
}

/** Two files are written one after the other: so long they may take before they are read. */
const SETTLE_MS = 200;

export class EntryCertificate {
  readonly tls: ClientTls;
  readonly #log: Log;
  readonly #watchers: readonly FSWatcher[];
  #current: KeyPair;
  #timer: NodeJS.Timeout | undefined;

  /** Throws `invalid-config` where the files do not make a pair. */
  constructor(options: CertificateOptions) {
    this.#log = options.log;
    const files = filesOf(options);
    this.#current = files === undefined ? ownPair(options) : readPair(files);
    this.tls = usable(() => new ClientTls(this.#current), files);
    // A file that is replaced by renaming is another file: so the directory is watched, not the file.
    const directories =
      files === undefined ? [] : new Set([files.certificate, files.key].map((file) => path.dirname(file)));
    this.#watchers = [...directories].map((directory) => watch(directory, () => this.#reloadSoon(files)));
  }

  /** Stops watching. */
  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }

  #reloadSoon(files: Files | undefined): void {
    clearTimeout(this.#timer);
    if (files !== undefined) this.#timer = setTimeout(() => this.#reload(files), SETTLE_MS);
  }

  #reload(files: Files): void {
    try {
      const pair = readPair(files);
      if (pair.certificate === this.#current.certificate && pair.privateKey === this.#current.privateKey) return;
      usable(() => this.tls.use(pair), files);
      this.#current = pair;
      this.#log.info({ event: 'certificate', file: files.certificate }, `uses the new ${files.certificate}`);
    } catch (error) {
      this.#log.warn({ event: 'certificate-kept' }, `keeps the certificate that it has: ${messageOf(error)}`);
    }
  }
}

/** The one of a server, by its settings. Throws `invalid-config`. */
export const certificateOf = ({ config, home, identity }: ServerState, log: Log): EntryCertificate =>
  new EntryCertificate({ ...config, home, log, privateKey: identity.privateKey, host: advertisedHost(config) });

const filesOf = ({ tlsCertificate, tlsKey }: CertificateOptions): Files | undefined => {
  if (tlsCertificate === undefined && tlsKey === undefined) return undefined;
  if (tlsCertificate !== undefined && tlsKey !== undefined)
    return { certificate: path.resolve(tlsCertificate), key: path.resolve(tlsKey) };
  throw new DepotError('invalid-config', 'tlsCertificate and tlsKey go together: give both, or neither.');
};

const readPair = ({ certificate, key }: Files): KeyPair => ({ certificate: read(certificate), privateKey: read(key) });

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new DepotError('invalid-config', `Cannot read ${file}: ${errnoOf(error) ?? messageOf(error)}.`, {
      cause: error,
    });
  }
};

/** What OpenSSL says of a pair, with the files that it is about. */
const usable = <T>(use: () => T, files: Files | undefined): T => {
  try {
    return use();
  } catch (error) {
    if (files === undefined) throw error;
    throw new DepotError(
      'invalid-config',
      `${files.certificate} and ${files.key} are no certificate with its key: ${messageOf(error)}.`,
      { cause: error },
    );
  }
};

/** The one in the home as long as it is of this key and for this host. */
const ownPair = ({ home, privateKey, host }: CertificateOptions): KeyPair => {
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
