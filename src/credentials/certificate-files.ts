// A certificate and its key in two files: read at the start, and again when they change, for whoever shows it.

import { type FSWatcher, readFileSync } from 'node:fs';
import path from 'node:path';
import { watchDirectory } from '../directory-watch.ts';
import { DepotError, errnoOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type KeyPair, requirePair } from '../net/tls.ts';

export interface CertificateSettings {
  readonly tlsCertificate?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/** Two files are written one after the other: so long they may take before they are read. */
const SETTLE_MS = 200;

export class CertificateFiles {
  readonly #certificate: string;
  readonly #key: string;
  readonly #log: Log;
  readonly #watchers: readonly (FSWatcher | undefined)[];
  readonly #shown: ((pair: KeyPair) => void)[] = [];
  #pair: KeyPair;
  #timer: NodeJS.Timeout | undefined;

  private constructor(certificate: string, key: string, log: Log) {
    this.#certificate = path.resolve(certificate);
    this.#key = path.resolve(key);
    this.#log = log;
    this.#pair = this.#read();
    const failed = (error: unknown): void =>
      log.warn({ event: 'not-watching' }, `changes of ${this.#certificate} are not noticed: ${messageOf(error)}`);
    const directories = new Set([this.#certificate, this.#key].map((file) => path.dirname(file)));
    this.#watchers = [...directories].map((directory) => watchDirectory(directory, () => this.#reloadSoon(), failed));
  }

  /** Undefined where no files are named. Throws `invalid-config` where they make no pair. */
  static of({ tlsCertificate, tlsKey }: CertificateSettings, log: Log): CertificateFiles | undefined {
    if (tlsCertificate === undefined && tlsKey === undefined) return undefined;
    if (tlsCertificate !== undefined && tlsKey !== undefined) return new CertificateFiles(tlsCertificate, tlsKey, log);
    throw new DepotError('invalid-config', 'tlsCertificate and tlsKey go together: give both, or neither.');
  }

  /** The pair that is good now. */
  get pair(): KeyPair {
    return this.#pair;
  }

  /** `show` is told of each pair that takes the place of this one. */
  onChange(show: (pair: KeyPair) => void): void {
    this.#shown.push(show);
  }

  /** Stops watching. */
  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher?.close();
  }

  #reloadSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reload(), SETTLE_MS);
  }

  #reload(): void {
    try {
      const pair = this.#read();
      if (pair.certificate === this.#pair.certificate && pair.privateKey === this.#pair.privateKey) return;
      this.#pair = pair;
      for (const show of this.#shown) show(pair);
      this.#log.info({ event: 'certificate', file: this.#certificate }, `uses the new ${this.#certificate}`);
    } catch (error) {
      this.#log.warn({ event: 'certificate-kept' }, `keeps the certificate that it has: ${messageOf(error)}`);
    }
  }

  /** Throws `invalid-config`, with what OpenSSL says and the files that it is about. */
  #read(): KeyPair {
    const pair = { certificate: read(this.#certificate), privateKey: read(this.#key) };
    try {
      requirePair(pair);
      return pair;
    } catch (cause) {
      const why = `${this.#certificate} and ${this.#key} are no certificate with its key: ${messageOf(cause)}.`;
      throw new DepotError('invalid-config', why, { cause });
    }
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new DepotError('invalid-config', `Cannot read ${file}: ${errnoOf(error) ?? messageOf(error)}.`, {
      cause: error,
    });
  }
};
