// Who may use a web page of ours: one password, checked slowly, and a token for whoever scrapes the metrics. Knows only
// digests, and not where they are kept.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { digestOfSecret } from '../net/identity.ts';
import { networkOf } from '../socks/address.ts';
import { generatePassword, hashPassword, requirePassword, verifyPassword } from './passwords.ts';
import type { Penalties } from './penalties.ts';

/** What became of a login: too many at a time are turned away unheard. */
type LoginOutcome = 'right' | 'wrong' | 'busy';

export interface WebAccess {
  login(password: string, from: string): Promise<LoginOutcome>;
  /** Whether this is the token that was made for /metrics. */
  isMetricsToken(token: string): boolean;
}

/** Where a role keeps the digests, by name. */
export interface Facts {
  fact(name: string): string | undefined;
  setFact(name: string, value: string): void;
}

/** How many passwords are checked at the same time; each costs 19 MiB for a moment. */
const MOST_AT_ONCE = 4;
const TOKEN_BYTES = 32;

const WEB_PASSWORD = 'web-password';
const METRICS_TOKEN = 'metrics-token';

export const hasWebPassword = (facts: Facts): boolean => facts.fact(WEB_PASSWORD) !== undefined;

/** Makes a password where none is given. Throws `invalid-argument` where it is none. */
export const setWebPassword = async (facts: Facts, password = generatePassword()): Promise<{ password: string }> => {
  requirePassword(password);
  facts.setFact(WEB_PASSWORD, await hashPassword(password));
  return { password };
};

/** The one before is good no more. */
export const makeMetricsToken = (facts: Facts): { token: string } => {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  facts.setFact(METRICS_TOKEN, digestOfSecret(token));
  return { token };
};

export const createWebAccess = (facts: Facts, penalties: Penalties): WebAccess => {
  /** A network tries once at a time, so that no number of attempts side by side gets around its pause. */
  const trying = new Set<string>();
  /** Who waits for the end of a pause is not among them, and keeps nobody out. */
  let checking = 0;
  const check = async (password: string, hash: string): Promise<boolean> => {
    checking += 1;
    try {
      return await verifyPassword(password, hash);
    } finally {
      checking -= 1;
    }
  };
  return {
    async login(password, from): Promise<LoginOutcome> {
      const source = networkOf(from);
      if (trying.has(source)) return 'busy';
      trying.add(source);
      try {
        await penalties.serve(from);
        const hash = facts.fact(WEB_PASSWORD);
        if (hash === undefined || checking >= MOST_AT_ONCE) return 'busy';
        const right = await check(password, hash);
        if (right) penalties.forgive(from);
        else penalties.failed(from);
        return right ? 'right' : 'wrong';
      } finally {
        trying.delete(source);
      }
    },
    isMetricsToken(token): boolean {
      const expected = Buffer.from(facts.fact(METRICS_TOKEN) ?? '');
      const actual = Buffer.from(digestOfSecret(token));
      return expected.length === actual.length && timingSafeEqual(expected, actual);
    },
  };
};
