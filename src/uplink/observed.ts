// How a local or a client lets itself be seen: the admin socket, and a web page where the settings want one.

import { roomAmong, WaitingRoom } from '../net/waiting-room.ts';
import { hostname } from 'node:os';
import type { Home } from '../config/home.ts';
import type { UplinkConfig } from '../config/schema.ts';
import { CertificateFiles } from '../credentials/certificate-files.ts';
import { Penalties } from '../credentials/penalties.ts';
import type { Facts } from '../credentials/web-access.ts';
import type { Log } from '../log.ts';
import { Incidents } from '../net/incidents.ts';
import type { Observable, WebAdministration, WebPage } from '../watch/admin-api.ts';
import { Doors } from '../watch/doors.ts';
import { webAdministrationOf, webFactsOf } from './web-facts.ts';

/** Of the page: more than one household looks at once. */
const CONNECTIONS_MAX = 100;

export class Observed {
  readonly #log: Log;
  readonly #incidents: Incidents;
  readonly #doors = new Doors();
  #certificate: CertificateFiles | undefined;

  private constructor(log: Log, { watcher }: Observable) {
    this.#log = log;
    this.#incidents = new Incidents(log, (port, from, error) => watcher.turnedAway(port, from, error));
  }

  /** Rejects with `conflict`, `invalid-config`, `address-in-use` or `unusable-home`, and leaves nothing open. */
  static async start(home: Home, config: UplinkConfig, observable: Observable, log: Log): Promise<Observed> {
    const observed = new Observed(log, observable);
    try {
      await observed.#start(home, config, observable);
      return observed;
    } catch (error) {
      observed.close();
      throw error;
    }
  }

  async #start(home: Home, config: UplinkConfig, observable: Observable): Promise<void> {
    const facts = webFactsOf(home);
    const web = webAdministrationOf(facts, () => this.#doors.endSessions());
    await this.#doors.openSocket(home.socketFile, { observable, web });
    const { webPort } = config;
    if (webPort !== undefined) await this.#serve({ ...config, webPort }, observable, facts, web);
  }

  async #serve(
    settings: UplinkConfig & { readonly webPort: number },
    observable: Observable,
    facts: Facts,
    web: WebAdministration,
  ): Promise<void> {
    this.#certificate = CertificateFiles.of(settings, this.#log);
    await this.#doors.openWeb({
      observable,
      web,
      facts,
      settings,
      certificate: this.#certificate,
      penalties: new Penalties(),
      advertised: hostname(),
      pac: undefined,
      connectionsMax: CONNECTIONS_MAX,
      strangers: new WaitingRoom(roomAmong(CONNECTIONS_MAX)),
      onTurnedAway: this.#incidents.at('web'),
    });
  }

  /** The page, and its password where this start made it; undefined where there is none. */
  get web(): WebPage | undefined {
    return this.#doors.web;
  }

  close(): void {
    this.#doors.close();
    this.#certificate?.close();
    this.#incidents[Symbol.dispose]();
  }
}
