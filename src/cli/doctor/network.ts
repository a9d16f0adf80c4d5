// What can be wrong with depot around this machine: its ports, and the way to the server. Looks, and changes nothing.

import { readFileSync } from 'node:fs';
import net from 'node:net';
import type { Home } from '../../config/home.ts';
import { asDepotError, DepotError, errnoOf } from '../../errors.ts';
import { deadline, orAborted } from '../../net/dial.ts';
import { identityOf } from '../../net/identity.ts';
import { TlsDialer } from '../../net/tls.ts';
import { loadMembership, type Membership } from '../../uplink/membership.ts';
import { failed, failedBy, type Finding, ok, warning } from './finding.ts';
import type { Machine } from './machine.ts';

/** A resolver that takes longer has a server before it that does not answer. */
const SLOW_NAME_MS = 1000;

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

/** The server as this home knows it: its name, its port, its key. */
export const checkServer = async (home: Home, role: 'local' | 'client', machine: Machine): Promise<Finding[]> => {
  let membership: Membership | undefined;
  try {
    membership = loadMembership(home.linkFile(role));
  } catch (error) {
    return [failedBy('server', error, 'unusable-home', 'Join again with a new link.')];
  }
  if (membership === undefined) return [warning('server', 'none was joined yet', `Run depot ${role} with a link.`)];
  const { host } = membership;
  try {
    const [addresses, ms] = await timed(machine, machine.resolve(host));
    const says = `${host} is ${addresses.join(', ')}, known after ${ms} ms`;
    const found =
      ms < SLOW_NAME_MS
        ? ok('name', says)
        : warning('name', says, 'The first nameserver in /etc/resolv.conf may not answer: remove it, or mend it.');
    return [found, await reach(membership, addresses, home.keyFile, machine)];
  } catch (error) {
    const { message } = asDepotError(error, 'name-unknown');
    return [failed('name', `${host}: ${message}`, 'Look at /etc/resolv.conf, and whether the name is right.')];
  }
};

/** Whether the server answers there, with the key that was pinned. */
const reach = async (
  { host, port, fingerprint }: Membership,
  addresses: readonly string[],
  keyFile: string,
  machine: Machine,
): Promise<Finding> => {
  const left = new AbortController();
  try {
    const dialer = new TlsDialer(identityOf(readFileSync(keyFile, 'utf8')));
    const resolve = (): Promise<readonly string[]> => Promise.resolve(addresses);
    const dialed = dialer.dial({ host, port, fingerprint, resolve, signal: left.signal });
    const [socket, ms] = await timed(machine, dialed);
    socket.destroy();
    return ok('server', `${host}:${port} answers with its key in ${ms} ms`);
  } catch (error) {
    left.abort(error);
    return failed('server', asDepotError(error, 'connection-lost').message, mendOf(error, port));
  }
};

/** Waits for an answer as long as is reasonable, and says how many milliseconds it took. */
const timed = async <T>({ elapsed, patienceMs }: Machine, answer: Promise<T>): Promise<[T, number]> => {
  const limit = deadline(patienceMs, () => new DepotError('dial-timeout', `no answer in ${patienceMs / 1000} s`));
  const started = elapsed();
  try {
    const value = await orAborted(answer, limit.signal);
    return [value, Math.round(elapsed() - started)];
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
