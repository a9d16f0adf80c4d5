// The home of one role: a private directory with its configuration, its key, its state and its admin socket.

import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { DepotError, errnoOf } from '../errors.ts';
import type { ConfigFiles } from './file.ts';

/** The longest path that a Unix socket can have on Linux and, rounded down, on macOS. */
const MAX_SOCKET_PATH = 103;

export type Role = 'server' | 'local' | 'client';

export class Home {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Where a home is unless told otherwise. */
  static default(): string {
    return path.join(homedir(), '.depot');
  }

  /** A home that may not be there yet. */
  static at(directory: string): Home {
    return new Home(path.resolve(directory));
  }

  /** Makes the directory where it is missing. Throws `unusable-home` where others could read it. */
  static open(directory: string): Home {
    const home = Home.at(directory);
    try {
      mkdirSync(home.directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new DepotError(
        'unusable-home',
        `Cannot make ${home.directory}: ${errnoOf(error)}. Choose another place with --home DIR.`,
        { cause: error },
      );
    }
    requirePrivate(home.directory, '700');
    for (const file of [
      home.keyFile,
      home.databaseFile,
      home.historyFile,
      home.linkFile('local'),
      home.linkFile('client'),
      home.webFile,
    ]) {
      if (existsSync(file)) requirePrivate(file, '600');
    }
    if (home.socketFile.length > MAX_SOCKET_PATH) {
      throw new DepotError(
        'unusable-home',
        `${home.directory} is too long for the admin socket in it. Choose a shorter place with --home DIR.`,
      );
    }
    return home;
  }

  get exists(): boolean {
    return existsSync(this.directory);
  }
  /** The configuration file that was named, which has to be there, or what may lie here. */
  configFiles(named: string | undefined): ConfigFiles {
    if (named !== undefined) return { files: [named], required: true };
    const files = ['config.json', 'config.yaml', 'config.yml'].map((name) => path.join(this.directory, name));
    return { files, required: false };
  }
  /** The private key of this role. */
  get keyFile(): string {
    return path.join(this.directory, 'key.pem');
  }
  /** The certificate that clients of the entry see where there is no other. Nothing secret. */
  get certificateFile(): string {
    return path.join(this.directory, 'certificate.pem');
  }
  /** Whose home this is, by what is in it; undefined while nobody has moved in. */
  get role(): Role | undefined {
    if (existsSync(this.databaseFile)) return 'server';
    return (['local', 'client'] as const).find((role) => existsSync(this.linkFile(role)));
  }

  /** Throws `unusable-home` where somebody else lives here. */
  requireRole(wanted: Role): void {
    const { role = wanted } = this;
    if (role === wanted) return;
    throw new DepotError(
      'unusable-home',
      `${this.directory} is the home of a ${role}. Choose another one for the ${wanted} with --home DIR.`,
    );
  }

  /** The server's state; its presence makes a home a server's. */
  get databaseFile(): string {
    return path.join(this.directory, 'depot.db');
  }
  /** What the server did so far; nothing is lost with it but that. */
  get historyFile(): string {
    return path.join(this.directory, 'history.db');
  }
  /** Where a local or a client joined; its presence makes a home its own. */
  linkFile(role: 'local' | 'client'): string {
    return path.join(this.directory, role === 'local' ? 'link.json' : 'client.json');
  }
  /** Who may see the web page of a local or a client; a server keeps that in its database. */
  get webFile(): string {
    return path.join(this.directory, 'web.json');
  }
  get socketFile(): string {
    return path.join(this.directory, 'admin.sock');
  }

  /** The private key, made by `generate` where there is none yet. */
  privateKey(generate: () => string): string {
    if (existsSync(this.keyFile)) return readFileSync(this.keyFile, 'utf8');
    const key = generate();
    this.write(this.keyFile, key);
    return key;
  }

  /** The certificate of that key, where there is one, and how to keep another. */
  get certificate(): { readonly kept: string | undefined; readonly keep: (certificate: string) => void } {
    const file = this.certificateFile;
    return {
      kept: existsSync(file) ? readFileSync(file, 'utf8') : undefined,
      keep: (certificate) => this.write(file, certificate),
    };
  }

  /** Writes a private file whole or not at all. */
  write(file: string, text: string): void {
    const draft = `${file}.new`;
    writeFileSync(draft, text, { mode: 0o600, flush: true });
    chmodSync(draft, 0o600);
    renameSync(draft, file);
  }
}

const requirePrivate = (file: string, mode: '600' | '700'): void => {
  const { mode: actual, uid } = statSync(file);
  if ((actual & 0o077) !== 0) {
    throw new DepotError(
      'unusable-home',
      `Others than its owner can get at ${file}. Mend it with: chmod ${mode} '${file}'`,
    );
  }
  const self = process.getuid?.();
  if (self !== undefined && self !== 0 && uid !== self) {
    throw new DepotError(
      'unusable-home',
      `${file} belongs to another user. Run depot as that user, or choose another --home DIR.`,
    );
  }
};
