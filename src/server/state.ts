// What a server has on disk and in its configuration: opened by the server itself, or by a command while none runs.

import { networkInterfaces } from 'node:os';
import { Home } from '../config/home.ts';
import { type ConfigSources, loadConfig } from '../config/load.ts';
import { ServerConfig } from '../config/schema.ts';
import { DepotError } from '../errors.ts';
import type { LogOption } from '../log.ts';
import { generatePrivateKey, type Identity, identityOf } from '../net/identity.ts';
import { isLoopbackHost } from '../socks/address.ts';
import { Store } from '../store/store.ts';
import type { Administration } from '../watch/admin-api.ts';
import { StoreAdministration } from './administration.ts';
import { type Policy, policyOf } from './policy.ts';

/** Every setting of the configuration, and what a program that embeds a server may want besides. */
export interface ServerOptions extends Partial<ServerConfig> {
  /** The server's home directory; made where it is missing. */
  readonly home: string;
  /** The configuration file, JSON or YAML by its name; default `config.json` or `config.yaml` in the home, where it is there. */
  readonly configFile?: string | undefined;
  /** Variables that stand for settings; default none. The command line hands in `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: silence. A function is called once, with the configured level. */
  readonly log?: LogOption;
}

/** What reads like this in a link is no place to dial. */
export const isAnyAddress = (host: string): boolean => host === '::' || host === '0.0.0.0';

/** The first address of this machine that others could reach, where nobody said how this host is called. */
const ownAddress = (): string => {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const usable = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return (usable.find(({ family }) => family === 'IPv4') ?? usable[0])?.address ?? '127.0.0.1';
};

/** Whether nobody said how this host is called, so that links carry a guess. */
export const isGuessed = ({ advertise, host }: ServerConfig): boolean => advertise === undefined && isAnyAddress(host);

export const advertisedHost = ({ advertise, host }: ServerConfig): string =>
  advertise ?? (isAnyAddress(host) ? ownAddress() : host);

/** A server's state on disk: opened by the server itself, or by a command while no server runs. */
export interface ServerState {
  /** What is in force; a reload writes into it. */
  readonly config: ServerConfig;
  readonly home: Home;
  readonly store: Store;
  readonly identity: Identity;
  /** Where the configuration came from. */
  readonly sources: ConfigSources;
  /** What the configuration says at the start. */
  readonly policy: Policy;
}

/** Opens a home as a server's. Rejects with `invalid-config` or `unusable-home`. */
export const openServerState = async ({
  home: directory,
  configFile,
  env = {},
  log: _log,
  ...flags
}: ServerOptions): Promise<ServerState> => {
  const home = Home.open(directory);
  home.requireRole('server');
  const sources = { flags, env, ...home.configFiles(configFile) };
  const config = await loadConfig(ServerConfig, sources);
  // Before anything is made: what is wrong in the file leaves no trace.
  policyOf(config, new Set());
  const identity = identityOf(home.privateKey(generatePrivateKey));
  const store = new Store(home.databaseFile);
  try {
    return { config, sources, home, identity, store, policy: policyOf(config, store.localNames()) };
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
};

/** The administration of a server that does not run; its links lead to where it ran last, whatever flags it had. */
export const offlineAdministration = ({ config, store, identity, policy }: ServerState): Administration =>
  new StoreAdministration({
    store,
    groups: () => policy.groups,
    invitationMs: () => config.invitationMs,
    linkTarget: {
      ...(store.linkTarget() ?? { host: advertisedHost(config), port: config.controlPort }),
      fingerprint: identity.fingerprint,
    },
  });

/** A port that anybody can reach and nobody can use, or worse, that everybody can use, is an accident. */
export const requireSomebody = ({ config, store }: Pick<ServerState, 'config' | 'store'>): void => {
  const { host, socksHost = host, allowAnonymous } = config;
  if (allowAnonymous || isLoopbackHost(socksHost) || store.users().length > 0) return;
  throw new DepotError(
    'invalid-config',
    'There are no users, so nobody could use this server. Make one with `depot user add NAME`, or let everybody in with --allow-anonymous.',
  );
};
