// Who may use the dashboard: one password, checked slowly, and a token for whoever scrapes the metrics.

import { timingSafeEqual } from 'node:crypto';
import { digestOfSecret } from '../net/identity.ts';
import type { Store } from '../store/store.ts';
import type { LoginOutcome, WebAccess } from '../watch/web-app.ts';
import { verifyPassword } from './passwords.ts';
import type { Penalties } from './penalties.ts';

/** How many may try at the same time; each costs 19 MiB for a moment. */
const MOST_AT_ONCE = 4;

/** Facts that the store keeps. */
export const WEB_PASSWORD = 'web-password';
export const METRICS_TOKEN = 'metrics-token';

export const createWebAccess = (store: Store, penalties: Penalties): WebAccess => {
  /** An address tries once at a time, so that no number of attempts side by side gets around its pause. */
  const trying = new Set<string>();
  return {
    async login(password, from): Promise<LoginOutcome> {
      const hash = store.fact(WEB_PASSWORD);
      if (hash === undefined || trying.size >= MOST_AT_ONCE || trying.has(from)) return 'busy';
      trying.add(from);
      try {
        await penalties.serve(from);
        const right = await verifyPassword(password, hash);
        if (right) penalties.forgive(from);
        else penalties.failed(from);
        return right ? 'right' : 'wrong';
      } finally {
        trying.delete(from);
      }
    },
    isMetricsToken(token): boolean {
      const expected = Buffer.from(store.fact(METRICS_TOKEN) ?? '');
      const actual = Buffer.from(digestOfSecret(token));
      return expected.length === actual.length && timingSafeEqual(expected, actual);
    },
  };
};
