// What a user may do, beyond having a password: kept whole, in one column of the store. Pure.

import { z } from 'zod';

/** Enough for a house; a request that local has to check carries them all. */
const MAX_RULES = 50;
const MAX_RULE_CHARACTERS = 128;
const amount = z.int().min(1).nullable();

const fields = {
  /** `allow HOST[:PORTS]` or `deny HOST[:PORTS]`; the first that matches decides. */
  rules: z.array(z.string().max(MAX_RULE_CHARACTERS)).max(MAX_RULES),
  /** Networks that the user may come from, CIDR; empty for all. */
  from: z.array(z.string().max(50)).max(MAX_RULES),
  /** Streams at once; null for no limit. */
  maxStreams: amount,
  /** Bytes per second in each direction, all streams of the user together; null for no limit. */
  rateBytes: amount,
  /** Bytes per calendar month (UTC), both directions together; null for no limit. */
  monthlyBytes: amount,
  /** Milliseconds since 1970: from then on the user is not valid any more. Null for never. */
  validUntil: amount,
};

/** Some of them; what is left out stays as it is. */
export const LimitsChange = z.strictObject(fields).partial();
export type LimitsChange = z.output<typeof LimitsChange>;

export const UserLimits = z.strictObject(fields);
export type UserLimits = z.output<typeof UserLimits>;

export const NO_LIMITS: UserLimits = {
  rules: [],
  from: [],
  maxStreams: null,
  rateBytes: null,
  monthlyBytes: null,
  validUntil: null,
};
