// The two doors to what is shown of a role: the admin socket in its home and, where it has one, the web page. Their web
// framework is loaded only when they open: clients and locals do not wait for it.

import type { Legacy } from '../net/listener.ts';
import type { Watched, WebPage } from './admin-api.ts';
import type { AdminSocket } from './admin-socket.ts';
import type { Web, WebOptions } from './web.ts';

export class Doors {
  #admin: AdminSocket | undefined;
  #openSocket: (() => Promise<AdminSocket>) | undefined;
  #web: Web | undefined;

  /** Rejects with `conflict`, unless we take over from another process; or with `unusable-home`. */
  async openSocket(file: string, watched: Watched, takesOver = false): Promise<void> {
    const { AdminSocket } = await import('./admin-socket.ts');
    this.#admin = await AdminSocket.listen(file, watched, takesOver);
    this.#openSocket = () => AdminSocket.listen(file, watched, true);
  }

  /** Puts a socket of ours in its place again, where another process, which is gone, had put its own there. */
  async takeSocketBack(): Promise<void> {
    const before = this.#admin;
    if (before === undefined || before.isInPlace) return;
    this.#admin = await this.#openSocket?.();
    before.close();
  }

  /** Rejects with `address-in-use` or `invalid-config`. */
  async openWeb(options: WebOptions): Promise<void> {
    const { startWeb } = await import('./web.ts');
    this.#web = await startWeb(options);
  }

  /** The page, and its password where this start made it; undefined where there is none. */
  get web(): WebPage | undefined {
    return this.#web;
  }

  /** The port of the page; null where there is none. */
  get webPort(): number | null {
    return this.#web?.server.port ?? null;
  }

  /** Everybody has to log in again. */
  endSessions(): void {
    this.#web?.server.endSessions();
  }

  /** The page's port, as another process can take it over; none where there is no page. */
  get legacies(): Legacy[] {
    return this.#web === undefined ? [] : [this.#web.server.legacy];
  }

  closeWeb(): void {
    this.#web?.server.close();
  }

  close(): void {
    this.closeWeb();
    this.#admin?.close();
  }
}
