// What can be wrong with depot on this machine itself, one function each. They look, and change nothing.

import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Home, type Role } from '../../config/home.ts';
import { explainConfig } from '../../config/load.ts';
import { ClientConfig, LocalConfig, ServerConfig } from '../../config/schema.ts';
import { asDepotError, errnoOf, messageOf } from '../../errors.ts';
import { duration, size } from '../format.ts';
import { failed, failedBy, type Finding, ok, warning } from './finding.ts';
import { type Machine, nearest, type Room } from './machine.ts';

const MB = 1e6;
const DAY_MS = 86_400_000;
/** Below this, a day of records and a key are not sure to fit. */
const LEAST_FREE_BYTES = 10 * MB;
const LITTLE_FREE_BYTES = 200 * MB;
/** A home has some ten files; a database makes and removes two more all the time. */
const LEAST_FREE_FILES = 20;
/** Two for each stream, and some for tunnels. */
const FEW_DESCRIPTORS = 4096;
/** Certificates that a CA made just now, the day on which a user ends, join links and two logs side by side bear no more. */
const CLOCK_SKEW_MS = 60_000;
const CERTIFICATE_DAYS = 14;

/** The launcher has refused what is too old. Those with an odd number end within months. */
export const checkNode = ({ nodeVersion }: Machine): Finding => {
  const isOdd = Number.parseInt(nodeVersion.slice(1), 10) % 2 === 1;
  return isOdd
    ? warning('node', `${nodeVersion} gets fixes for some months only`, 'Install one with an even number, such as 26.')
    : ok('node', nodeVersion);
};

/** What is wrong with a home says how to mend it. */
export const checkHome = (directory: string): Finding => {
  const home = Home.at(directory);
  if (!home.exists) return warning('home', `${home.directory} is not there yet`, 'A first start makes it.');
  try {
    Home.open(directory);
    return ok('home', `${home.directory}, ${home.role === undefined ? 'nobody yet' : `of a ${home.role}`}`);
  } catch (error) {
    return failedBy('home', error, 'unusable-home', 'Choose another place with --home DIR.');
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
    const { message } = asDepotError(error, 'invalid-config');
    return [failed('configuration', message, '`depot config check` says when it is right.'), undefined];
  }
};

const ROOM_BY_ERRNO: Readonly<Record<string, string>> = {
  EROFS: 'It is mounted read-only: dmesg says why. Mend the file system, and mount it again.',
  EACCES: 'Run depot as the user whose home it is, or choose another place with --home DIR.',
};
const BROKEN_DISK = 'The disk or its file system does not work: dmesg says more. Save the home elsewhere.';

export const checkDisk = (home: Home, { room }: Machine): Finding => {
  const place = nearest(home.directory);
  let free: Room;
  try {
    free = room(place);
  } catch (error) {
    const errno = errnoOf(error) ?? messageOf(error);
    return failed('disk', `nothing can be written at ${place}: ${errno}`, ROOM_BY_ERRNO[errno] ?? BROKEN_DISK);
  }
  const { bytes, files = Infinity } = free;
  const says = `${size(bytes)} free at ${place}`;
  if (bytes < LEAST_FREE_BYTES) return failed('disk', says, 'Make room: nothing can be remembered any more.');
  if (files < LEAST_FREE_FILES)
    return failed('disk', `${says}, but only for ${files} more files`, 'Remove small files; df -i shows the count.');
  return bytes < LITTLE_FREE_BYTES ? warning('disk', says, 'Make room.') : ok('disk', says);
};

/** Node raises the soft limit to the hard one by itself. */
export const checkDescriptors = ({ descriptors }: Machine): Finding | undefined => {
  const limit = descriptors();
  if (limit === undefined) return undefined;
  const says = `${limit} files may be open`;
  return limit < FEW_DESCRIPTORS
    ? warning('descriptors', says, 'Each stream takes two. Raise it: LimitNOFILE= in a unit, or ulimit -Hn.')
    : ok('descriptors', says);
};

/**
 * The link needs no true time; much else does, see `CLOCK_SKEW_MS`. Where a local or a client is connected it knows how
 * far it is ahead of its server; where none is, a clock that went back shows in the home.
 */
export const checkClock = (home: Home, { now }: Machine, aheadMs: number | null): Finding => {
  const says = new Date(now()).toISOString();
  if (aheadMs !== null && Math.abs(aheadMs) >= CLOCK_SKEW_MS)
    return warning(
      'clock',
      `${says} is ${duration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the server's`,
      'Set the one that is wrong; timedatectl shows on either machine whether it is kept right.',
    );
  const files = home.exists ? readdirSync(home.directory).map((name) => path.join(home.directory, name)) : [];
  const newest = Math.max(0, ...files.map((file) => statSync(file).mtimeMs));
  if (newest > now() + CLOCK_SKEW_MS)
    return warning('clock', `${says}, but the home was written to later than that`, 'Set it; timedatectl shows it.');
  return ok('clock', aheadMs === null ? says : `${says}, as the server's`);
};

/** That of the doors for clients and for the dashboard, where a file has it. */
export const checkCertificate = (file: string, { now }: Machine): Finding => {
  const what = 'certificate';
  try {
    const { validFromDate, validToDate } = new X509Certificate(readFileSync(file));
    const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
    const says = `${file} is good from ${validFromDate.toISOString()} to ${validToDate.toISOString()}`;
    if (from > now()) return failed(what, says, 'Its time has not come. Set the clock, or take another one.');
    if (to < now()) return failed(what, says, 'Renew it; depot looks at the file again when it changes.');
    return to - now() < CERTIFICATE_DAYS * DAY_MS ? warning(what, says, 'Renew it.') : ok(what, says);
  } catch (error) {
    const { message } = asDepotError(error, 'invalid-config');
    return failed(what, `cannot use ${file}: ${message}`, 'It has to be PEM that the user of depot can read.');
  }
};
