// The web page of a role: where it listens and with what, and that nobody can read its password on the way.

import type { WaitingRoom } from '../net/waiting-room.ts';
import path from 'node:path';
import type { CertificateFiles } from '../credentials/certificate-files.ts';
import { createWebAccess, type Facts, hasWebPassword } from '../credentials/web-access.ts';
import type { Penalties } from '../credentials/penalties.ts';
import { DepotError } from '../errors.ts';
import type { Inherit } from '../net/listener.ts';
import { isLoopbackHost } from '../socks/address.ts';
import type { Watched, WebAdministration, WebPage } from './admin-api.ts';
import type { PublicFile } from './pages.ts';
import { WebServer } from './web-server.ts';

/** Built by `npm run build:web`; the same place seen from the sources and from what is built of them. */
const PAGES = path.join(import.meta.dirname, '../../dist/web');

/** As the settings of each role have them; names and times are read when they are needed. */
interface WebSettings {
  readonly webHost: string;
  readonly webNames: readonly string[];
  readonly webInsecure: boolean;
  readonly webIdleMs: number;
}

export interface WebOptions extends Watched {
  readonly settings: WebSettings;
  /** Where it listens, on `webHost`. */
  readonly port: number;
  /** Undefined where there are no files for it. */
  readonly certificate: CertificateFiles | undefined;
  readonly facts: Facts;
  readonly penalties: Penalties;
  readonly web: WebAdministration;
  /** What others call this host. */
  readonly advertised: string;
  /** What browsers are given as proxy configuration; undefined where that is somebody else's. */
  readonly pac: PublicFile | undefined;
  readonly connectionsMax: number;
  /** Those of them who have not logged in. */
  readonly strangers: WaitingRoom;
  /** Where another process may hand its port over. */
  readonly inherit?: Inherit | undefined;
  readonly onTurnedAway: (from: string, error: DepotError) => void;
}

export interface Web extends WebPage {
  readonly server: WebServer;
}

/** Rejects with `address-in-use` or `invalid-config`. */
export const startWeb = async (options: WebOptions): Promise<Web> => {
  const { settings, port, facts, penalties, web, advertised, onTurnedAway } = options;
  const { webHost: host } = settings;
  const certificate = certificateFor(options);
  const server = await WebServer.listen({
    ...options,
    onWrongPassword: (from) => onTurnedAway(from, new DepotError('not-allowed', 'wrong password')),
    access: createWebAccess(facts, penalties),
    host,
    port,
    certificate,
    names: () => [host, advertised, ...settings.webNames],
    idleMs: () => settings.webIdleMs,
    directory: PAGES,
    inherited: options.inherit?.({ host, port, purpose: 'web' }),
  });
  const name = isLoopbackHost(host) ? host : advertised;
  const url = `http${certificate === undefined ? '' : 's'}://${name.includes(':') ? `[${name}]` : name}:${server.port}/`;
  return { server, url, password: hasWebPassword(facts) ? undefined : (await web.setWebPassword()).password };
};

/** On loopback nobody reads along, and no certificate has that name. Elsewhere there has to be one. */
const certificateFor = ({
  settings: { webHost, webInsecure },
  certificate,
}: Pick<WebOptions, 'settings' | 'certificate'>): CertificateFiles | undefined => {
  if (isLoopbackHost(webHost)) return undefined;
  if (certificate !== undefined || webInsecure) return certificate;
  throw new DepotError(
    'invalid-config',
    `The web page on ${webHost} would send its password in the clear. Give it a certificate with --tls-certificate FILE --tls-key FILE, keep it to this machine with --web-host 127.0.0.1, or, where you trust the wire, start with --web-insecure.`,
  );
};
