// The API on a private Unix socket in the home. Who can open the socket may do everything.

import { chmodSync, existsSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { DepotError, messageOf } from '../errors.ts';
import { createApi, type Watched } from './admin-api.ts';

export class AdminSocket {
  readonly #server: http.Server;
  readonly #file: string;

  private constructor(server: http.Server, file: string) {
    this.#server = server;
    this.#file = file;
  }

  /** Listens on `file`, mode 0600. Throws `conflict` where another process answers there; what a dead one left is removed. */
  static async listen(file: string, watched: Watched): Promise<AdminSocket> {
    if (existsSync(file)) {
      if (await answers(file))
        throw new DepotError(
          'conflict',
          `Another depot runs with this home (${file} answers). Stop it, or use another --home DIR.`,
        );
      rmSync(file, { force: true });
    }
    const listener = getRequestListener(createApi(watched).fetch);
    const server = http.createServer((request, response) => void listener(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) =>
        reject(new DepotError('unusable-home', `Cannot listen on ${file}: ${messageOf(cause)}.`, { cause })),
      );
      server.listen(file, resolve);
    });
    chmodSync(file, 0o600);
    return new AdminSocket(server, file);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    rmSync(this.#file, { force: true });
  }
}

const answers = (file: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = net.connect(file);
    const finish = (answered: boolean): void => {
      probe.destroy();
      resolve(answered);
    };
    probe.once('connect', () => finish(true));
    probe.once('error', () => finish(false));
  });
