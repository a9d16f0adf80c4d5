// How a local or a client lets itself be seen: the admin socket, and a web page where the settings want one.

import { hostname } from 'node:os';
import type { Home } from '../config/home.ts';
import type { UplinkConfig } from '../config/schema.ts';
import { CertificateFiles } from '../credentials/certificate-files.ts';
import { Penalties } from '../credentials/penalties.ts';
import type { Facts } from '../credentials/web-access.ts';
import type { Log } from '../log.ts';
import type { Descriptors } from '../net/descriptors.ts';
import type { Incidents } from '../net/incidents.ts';
import { roomAmong, WaitingRoom } from '../net/waiting-room.ts';
import type { Observable, WebAdministration, WebPage } from '../watch/admin-api.ts';
import { Doors } from '../watch/doors.ts';
import { webAdministrationOf, webFactsOf } from './web-facts.ts';

/** Of the page: more than one household looks at once. */
const CONNECTIONS_MAX = 100;

/** What is seen, and of whom. */
export interface ObservedOptions {
  readonly home: Home;
  readonly config: UplinkConfig;
  readonly observable: Observable;
  readonly incidents: Incidents;
  readonly descriptors: Descriptors;
  readonly log: Log;
}

export class Observed {
  readonly #options: ObservedOptions;
  readonly #doors = new Doors();
  #certificate: CertificateFiles | undefined;

  private constructor(options: ObservedOptions) {
    this.#options = options;
  }

  /** Rejects with `conflict`, `invalid-config`, `address-in-use` or `unusable-home`, and leaves nothing open. */
  static async start(options: ObservedOptions): Promise<Observed> {
    const observed = new Observed(options);
    try {
      await observed.#start();
      return observed;
    } catch (error) {
      observed.close();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { home, config, observable } = this.#options;
    const facts = webFactsOf(home);
    const web = webAdministrationOf(facts, () => this.#doors.endSessions());
    await this.#doors.openSocket(home.socketFile, { observable, web });
    const { webPort } = config;
    if (webPort !== undefined) await this.#serve(webPort, facts, web);
  }

  async #serve(port: number, facts: Facts, web: WebAdministration): Promise<void> {
    const { config: settings, observable, incidents, descriptors, log } = this.#options;
    const connectionsMax = descriptors.ofReserve(CONNECTIONS_MAX);
    this.#certificate = CertificateFiles.of(settings, log);
    await this.#doors.openWeb({
      observable,
      web,
      facts,
      settings,
      port,
      certificate: this.#certificate,
      penalties: new Penalties(),
      advertised: hostname(),
      pac: undefined,
      connectionsMax,
      strangers: new WaitingRoom(roomAmong(connectionsMax)),
      onTurnedAway: incidents.at('web'),
    });
  }

  /** The page, and its password where this start made it; undefined where there is none. */
  get web(): WebPage | undefined {
    return this.#doors.web;
  }

  close(): void {
    this.#doors.close();
    this.#certificate?.close();
  }
}
