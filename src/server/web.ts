// The dashboard of a server: where it listens and with what, and that nobody can read its password on the way.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ServerConfig } from '../config/schema.ts';
import { DepotError, messageOf } from '../errors.ts';
import type { Descriptors } from '../net/descriptors.ts';
import { isLoopbackHost } from '../socks/address.ts';
import type { Store } from '../store/store.ts';
import type { Administration, Observable } from '../watch/admin-api.ts';
import type { PublicFile } from '../watch/web-app.ts';
import { WebServer } from '../watch/web-server.ts';
import type { Penalties } from './penalties.ts';
import { createWebAccess, WEB_PASSWORD } from './web-access.ts';

/** Built by `npm run build:web`; the same place seen from the sources and from what is built of them. */
const PAGES = path.join(import.meta.dirname, '../../dist/web');

const CONNECTIONS_MAX = 500;

export interface Web {
  readonly server: WebServer;
  /** Where a browser on this machine, or anywhere where it listens elsewhere, finds it. */
  readonly url: string;
  /** Set where there was none before: shown once. */
  readonly password: string | undefined;
}

export interface WebOptions {
  readonly config: ServerConfig;
  readonly store: Store;
  readonly observable: Observable;
  readonly administration: Administration;
  readonly penalties: Penalties;
  readonly descriptors: Descriptors;
  /** What others call this host. */
  readonly advertised: string;
  readonly pac: PublicFile;
  readonly onTurnedAway: (from: string, error: DepotError) => void;
}

/** Undefined where it is disabled. Rejects with `address-in-use` or `invalid-config`. */
export const startWeb = async ({
  config,
  store,
  administration,
  penalties,
  descriptors,
  advertised,
  onTurnedAway,
  ...options
}: WebOptions): Promise<Web | undefined> => {
  const { webDisabled, webHost: host, webPort: port, webIdleMs: idleMs, webNames } = config;
  if (webDisabled) return undefined;
  const tls = certificateOf(config);
  const server = await WebServer.listen({
    ...options,
    onWrongPassword: (from) => onTurnedAway(from, new DepotError('not-allowed', 'wrong password')),
    administration,
    access: createWebAccess(store, penalties),
    host,
    port,
    tls,
    names: [host, advertised, ...webNames],
    idleMs,
    directory: PAGES,
    connectionsMax: descriptors.ofReserve(CONNECTIONS_MAX),
  });
  const name = isLoopbackHost(host) ? host : advertised;
  const url = `http${tls === undefined ? '' : 's'}://${name.includes(':') ? `[${name}]` : name}:${server.port}/`;
  const isNew = store.fact(WEB_PASSWORD) === undefined;
  return { server, url, password: isNew ? (await administration.setWebPassword()).password : undefined };
};

/** On loopback nobody reads along, and no certificate has that name. Elsewhere there has to be one. */
const certificateOf = ({
  webHost,
  webInsecure,
  tlsCertificate,
  tlsKey,
}: ServerConfig): { cert: string; key: string } | undefined => {
  if (isLoopbackHost(webHost)) return undefined;
  if (tlsCertificate !== undefined && tlsKey !== undefined)
    return { cert: read(tlsCertificate, '--tls-certificate'), key: read(tlsKey, '--tls-key') };
  if (webInsecure) return undefined;
  throw new DepotError(
    'invalid-config',
    `The dashboard on ${webHost} would send its password in the clear. Give it a certificate with --tls-certificate FILE --tls-key FILE, keep it to this machine with --web-host 127.0.0.1, or, where you trust the wire, start with --web-insecure.`,
  );
};

const read = (file: string, flag: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new DepotError('invalid-config', `Cannot read ${file} (${flag}): ${messageOf(cause)}.`, { cause });
  }
};
