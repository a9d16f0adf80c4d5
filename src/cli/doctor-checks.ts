// What can be wrong with depot on this machine, one function each. They look, and change nothing.

import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Home, type Role } from '../config/home.ts';
import { explainConfig } from '../config/load.ts';
import { ClientConfig, LocalConfig, ServerConfig } from '../config/schema.ts';
import { asDepotError, DepotError, errnoOf } from '../errors.ts';
import { descriptorLimit } from '../net/descriptors.ts';
import { deadline, resolveHost } from '../net/dial.ts';
import { identityOf } from '../net/identity.ts';
import { TlsDialer } from '../net/tls.ts';
import { loadMembership, type Membership } from '../uplink/membership.ts';
import { size } from './output.ts';

export interface Finding {
  readonly what: string;
  readonly verdict: 'ok' | 'warning' | 'failed';
  readonly says: string;
  /** What to do; only where something is to be done. */
  readonly mend?: string;
}

const MB = 1e6;
const DAY_MS = 86_400_000;
/** Below this, a day of records and a key are not sure to fit. */
const LEAST_FREE_BYTES = 10 * MB;
const LITTLE_FREE_BYTES = 200 * MB;
/** Two for each stream, and some for tunnels. */
const FEW_DESCRIPTORS = 4096;
const CLOCK_SKEW_MS = 60_000;
const REACH_MS = 5000;

const ok = (what: string, says: string): Finding => ({ what, verdict: 'ok', says });
const warning = (what: string, says: string, mend: string): Finding => ({ what, verdict: 'warning', says, mend });
const failed = (what: string, says: string, mend?: string): Finding => ({
  what,
  verdict: 'failed',
  says,
  ...(mend !== undefined && { mend }),
});

/** The launcher has refused what is too old. */
export const checkNode = (): Finding => ok('node', process.version);

/** What is wrong with a home says how to mend it. */
export const checkHome = (directory: string): Finding => {
  const home = Home.at(directory);
  if (!home.exists) return warning('home', `${home.directory} is not there yet`, 'A first start makes it.');
  try {
    Home.open(directory);
    return ok('home', `${home.directory}, ${home.role === undefined ? 'nobody yet' : `of a ${home.role}`}`);
  } catch (error) {
    return failed('home', asDepotError(error, 'unusable-home').message);
  }
};

const SCHEMAS = { server: ServerConfig, local: LocalConfig, client: ClientConfig } as const;

/** The settings of a role by key, or what is wrong with them. */
export const readSettings = async (
  home: Home,
  role: Role,
): Promise<[Finding, Readonly<Record<string, unknown>> | undefined]> => {
  try {
    const settings = await explainConfig(SCHEMAS[role], {
      flags: {},
      env: process.env,
      ...home.configFiles(undefined),
    });
    const given = settings.filter(({ from }) => from !== null).map(({ key }) => key);
    const says = given.length === 0 ? 'all defaults' : `given: ${given.join(', ')}`;
    return [ok('configuration', says), Object.fromEntries(settings.map(({ key, value }) => [key, value]))];
  } catch (error) {
    return [failed('configuration', asDepotError(error, 'invalid-config').message), undefined];
  }
};

export const checkDisk = (home: Home): Finding => {
  const place = home.exists ? home.directory : path.parse(home.directory).root;
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  const says = `${size(free)} free at ${place}`;
  if (free < LEAST_FREE_BYTES) return failed('disk', says, 'Make room: nothing can be remembered any more.');
  return free < LITTLE_FREE_BYTES ? warning('disk', says, 'Make room.') : ok('disk', says);
};

/** Node raises the soft limit to the hard one by itself. */
export const checkDescriptors = (): Finding | undefined => {
  const limit = descriptorLimit();
  if (limit === undefined) return undefined;
  const says = `${limit} files may be open`;
  return limit < FEW_DESCRIPTORS
    ? warning('descriptors', says, 'Each stream takes two. Raise it: LimitNOFILE= in a unit, or ulimit -Hn.')
    : ok('descriptors', says);
};

/** The link needs no true time; records and the 24 hours of a join link do. A clock that went back shows in the home. */
export const checkClock = (home: Home, now: number): Finding => {
  const files = home.exists ? readdirSync(home.directory).map((name) => path.join(home.directory, name)) : [];
  const newest = Math.max(0, ...files.map((file) => statSync(file).mtimeMs));
  const says = new Date(now).toISOString();
  return newest > now + CLOCK_SKEW_MS
    ? warning('clock', `${says}, but the home was written to later than that`, 'Set the clock; timedatectl shows it.')
    : ok('clock', says);
};

/** Whether a server that does not run could listen. */
export const checkPort = (flag: string, host: string, port: number): Promise<Finding> =>
  new Promise((resolve) => {
    const what = `port ${port}`;
    const probe = net.createServer();
    probe.once('error', (error) => {
      const mend =
        errnoOf(error) === 'EADDRINUSE'
          ? `Another program has it (ss -ltnp shows which). Stop that, or choose another with ${flag}.`
          : `Choose another with ${flag}, or allow this one.`;
      resolve(failed(what, `cannot listen on ${host}: ${errnoOf(error)}`, mend));
    });
    probe.listen(port, host, () => probe.close(() => resolve(ok(what, `free on ${host}`))));
  });

export const checkCertificate = (file: string, now: number): Finding => {
  const what = 'certificate';
  try {
    const { validFromDate, validToDate } = new X509Certificate(readFileSync(file));
    const says = `${file} is good from ${validFromDate.toISOString()} to ${validToDate.toISOString()}`;
    if (validToDate.getTime() < now || validFromDate.getTime() > now) return failed(what, says, 'Renew it.');
    return validToDate.getTime() - now < 14 * DAY_MS ? warning(what, says, 'Renew it.') : ok(what, says);
  } catch (error) {
    return failed(what, `cannot use ${file}: ${asDepotError(error, 'invalid-config').message}`);
  }
};

/** The server as this home knows it: its name, its port, its key. */
export const checkServer = async (home: Home, role: 'local' | 'client'): Promise<Finding[]> => {
  let membership: Membership | undefined;
  try {
    membership = loadMembership(home.linkFile(role));
  } catch (error) {
    return [failed('server', asDepotError(error, 'unusable-home').message)];
  }
  if (membership === undefined) return [warning('server', 'none was joined yet', `Run depot ${role} with a link.`)];
  const { host, port, fingerprint } = membership;
  const limit = deadline(REACH_MS, () => new DepotError('dial-timeout', `no answer in ${REACH_MS / 1000} s`));
  try {
    const addresses = await resolveHost(host);
    const found = ok('name', `${host} is ${addresses.join(', ')}`);
    const started = performance.now();
    const dialer = new TlsDialer(identityOf(readFileSync(home.keyFile, 'utf8')));
    const dialed = dialer.dial({ host, port, fingerprint, resolve: resolveHost, signal: limit.signal });
    const reached = await dialed.then(
      (socket) => {
        socket.destroy();
        return ok('server', `${host}:${port} answers with its key in ${Math.round(performance.now() - started)} ms`);
      },
      (error: unknown) => failed('server', asDepotError(error, 'connection-lost').message, mendOf(error, port)),
    );
    return [found, reached];
  } catch (error) {
    return [failed('name', asDepotError(error, 'name-unknown').message, 'Look at /etc/resolv.conf and the name.')];
  } finally {
    limit.clear();
  }
};

const mendOf = (error: unknown, port: number): string => {
  const { code } = asDepotError(error, 'connection-lost');
  if (code === 'identity-mismatch') return 'Only where the server was set up anew: join again with a new link.';
  if (code === 'connection-refused') return 'Nobody listens there. Look whether depot server runs.';
  return `Something on the way drops it. Look at the firewalls on both ends: TCP ${port}, outwards from here.`;
};
