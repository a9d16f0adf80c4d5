// The API on a private Unix socket in the home. Who can open the socket may do everything.
//
// It is bound beside its place and renamed into it: so it is never there without its mode, and a process that takes over
// puts its own in the place of ours, with nobody turned away in between.

import { chmodSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import http from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { DepotError, messageOf } from '../errors.ts';
import type { Watched } from './admin-api.ts';
import { requireNobody } from './home-in-use.ts';
import { createApi } from './http-api.ts';

export class AdminSocket {
  readonly #server: http.Server;
  readonly #file: string;
  readonly #inode: bigint;

  private constructor(server: http.Server, file: string) {
    this.#server = server;
    this.#file = file;
    this.#inode = inodeOf(file) ?? 0n;
  }

  /**
   * Listens on `file`, mode 0600. Throws `conflict` where another process answers there, unless we take over from it; what
   * a dead one left is removed.
   */
  static async listen(file: string, watched: Watched, takesOver = false): Promise<AdminSocket> {
    if (!takesOver) await requireNobody(file);
    const draft = path.join(path.dirname(file), DRAFT);
    rmSync(draft, { force: true });
    const listener = getRequestListener(createApi(watched).fetch);
    const server = http.createServer((request, response) => void listener(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) =>
        reject(new DepotError('unusable-home', `Cannot listen on ${file}: ${messageOf(cause)}.`, { cause })),
      );
      server.listen(draft, resolve);
    });
    chmodSync(draft, 0o600);
    renameSync(draft, file);
    return new AdminSocket(server, file);
  }

  /** Whether it is still this one that is found in the home. */
  get isInPlace(): boolean {
    return inodeOf(this.#file) === this.#inode;
  }

  close(): void {
    this.#server.close();
    // An answer that is on its way, such as that to `depot upgrade`, may arrive.
    this.#server.closeIdleConnections();
    setTimeout(() => this.#server.closeAllConnections(), LAST_ANSWERS_MS).unref();
    if (this.isInPlace) rmSync(this.#file, { force: true });
  }
}

/** No longer than the name of the socket itself, whose path has a limit. */
const DRAFT = 'admin.new';

const LAST_ANSWERS_MS = 500;

const inodeOf = (file: string): bigint | undefined => statSync(file, { bigint: true, throwIfNoEntry: false })?.ino;
