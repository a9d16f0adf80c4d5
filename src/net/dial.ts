// Connects to the first of several addresses that answers, both families racing (RFC 8305, "Happy Eyeballs").
// Node's own autoSelectFamily gives an attempt up instead of racing on, so we do it ourselves.

import dns from 'node:dns/promises';
import type net from 'node:net';
import { dialError, DepotError } from '../errors.ts';
import { type Address, canonicalHost, formatAddress, isIP, isIPv4 } from '../socks/address.ts';

/** RFC 8305, section 8: "Connection Attempt Delay". */
const ATTEMPT_DELAY_MS = 250;

/** Finds the addresses of a name, best first. Rejects with a `DepotError`. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** The operating system's resolver, with its hosts file. `localhost` is never asked for (RFC 6761, section 6.3). */
export const resolveHost: Resolve = async (host) => {
  if (isIP(host)) return [canonicalHost(host)];
  if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1'];
  try {
    const found = await dns.lookup(host, { all: true, order: 'verbatim' });
    return interleave([...new Set(found.map(({ address }) => canonicalHost(address)))]);
  } catch (error) {
    throw dialError(error, host);
  }
};

/** Finds the name of an address. Rejects with a `DepotError`. */
export type Reverse = (address: string) => Promise<string>;

/** The operating system's resolver again. */
export const reverseHost: Reverse = async (address) => {
  try {
    return (await dns.lookupService(address, 0)).hostname;
  } catch (error) {
    throw dialError(error, address);
  }
};

/** First one family, then the other, as they came (RFC 8305, section 4). */
const interleave = (addresses: readonly string[]): string[] => {
  const firstIsIPv4 = isIPv4(addresses[0] ?? '');
  const preferred = addresses.filter((address) => isIPv4(address) === firstIsIPv4);
  const others = addresses.filter((address) => isIPv4(address) !== firstIsIPv4);
  return preferred
    .flatMap((address, index) => [address, ...others.slice(index, index + 1)])
    .concat(others.slice(preferred.length));
};

/** Which of several failures tells most: one where somebody answered beats one where nobody did. */
const TELLING = ['connection-refused', 'not-allowed', 'dial-timeout', 'host-unreachable', 'network-unreachable'];

const mostTelling = (errors: readonly DepotError[]): DepotError => {
  const rank = ({ code }: DepotError): number => (TELLING.includes(code) ? TELLING.indexOf(code) : TELLING.length);
  return errors.toSorted((a, b) => rank(a) - rank(b))[0] ?? new DepotError('name-unknown', 'the name has no address');
};

export interface DialOptions<T> {
  /** Ends the attempt; its reason, a `DepotError`, is what the dial rejects with. */
  readonly signal: AbortSignal;
  /** Begins one connection. */
  readonly open: (address: Address) => T;
}

/** The first of `hosts` to accept on `port`. Rejects with the most telling failure when none did. */
export const dial = <T extends { readonly socket: net.Socket }>(
  hosts: readonly string[],
  port: number,
  { signal, open }: DialOptions<T>,
): Promise<T> =>
  new Promise((resolve, reject) => {
    const waiting = [...hosts];
    const running = new Set<T>();
    const errors: DepotError[] = [];
    let timer: NodeJS.Timeout | undefined;

    const finish = (): void => {
      waiting.length = 0;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      for (const attempt of running) attempt.socket.destroy();
    };
    const onAbort = (): void => {
      finish();
      reject(signal.reason as Error);
    };
    const next = (): void => {
      clearTimeout(timer);
      const host = waiting.shift();
      if (host !== undefined) start({ host, port });
      else if (running.size === 0) {
        finish();
        reject(mostTelling(errors));
      }
    };
    const start = (address: Address): void => {
      const attempt = open(address);
      const { socket } = attempt;
      const onError = (error: Error): void => {
        running.delete(attempt);
        errors.push(dialError(error, formatAddress(address)));
        next();
      };
      running.add(attempt);
      socket.once('error', onError);
      socket.once('connect', () => {
        socket.off('error', onError);
        running.delete(attempt);
        finish();
        resolve(attempt);
      });
      if (waiting.length > 0) timer = setTimeout(next, ATTEMPT_DELAY_MS);
    };

    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    next();
  });

/** Waits for `promise`, but no longer than `signal` lets; then rejects with the signal's reason. */
export const orAborted = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
};

/**
 * A signal that aborts with `error` after `milliseconds`, or when `parent` does. Call `clear` when it is not needed,
 * `stopClock` when only the parent shall count from here on.
 */
export const deadline = (
  milliseconds: number,
  error: () => DepotError,
  parent?: AbortSignal,
): { readonly signal: AbortSignal; readonly clear: () => void; readonly stopClock: () => void } => {
  const controller = new AbortController();
  const onParent = (): void => controller.abort(parent?.reason);
  const timer = setTimeout(() => controller.abort(error()), milliseconds);
  if (parent?.aborted) onParent();
  parent?.addEventListener('abort', onParent);
  const clear = (): void => {
    clearTimeout(timer);
    parent?.removeEventListener('abort', onParent);
  };
  return { signal: controller.signal, clear, stopClock: () => clearTimeout(timer) };
};
