// What `depot check` asks and is answered: as schemas, for the API, the command line and the dashboard.

import { z } from 'zod';

export const CheckQuestion = z.strictObject({
  target: z.string().min(1).max(300).describe('HOST:PORT as a client would ask for it, or a URL'),
  user: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe('whose rules and limits count; missing for the operator, who has none'),
  local: z.string().min(1).max(63).optional().describe('the local or group that is to be asked'),
  from: z
    .string()
    .min(1)
    .max(45)
    .optional()
    .describe("the client's IP address; missing for one that the user may come from"),
});
export type CheckQuestion = z.output<typeof CheckQuestion>;

/** In the order in which they are taken. Rules of a local come behind DNS, for they are about addresses. */
export const CHECK_STEPS = ['identity', 'route', 'server-rules', 'dns', 'local-rules', 'dial', 'first-byte'] as const;
export type CheckStepName = (typeof CHECK_STEPS)[number];

const CheckStep = z
  .object({
    step: z.enum(CHECK_STEPS),
    verdict: z.enum(['passed', 'failed', 'skipped']).describe('skipped: not reached, or the local is too old to tell'),
    ms: z.number().nullable().describe('how long it took, in milliseconds; null where it was skipped'),
    reason: z.string().describe('what was found, in a sentence'),
    advice: z.string().nullable().describe('what to change, where it failed'),
  })
  .meta({ id: 'CheckStep' });
export type CheckStep = z.output<typeof CheckStep>;

export const CheckResult = z
  .object({
    target: z.string().describe('HOST:PORT that was asked for'),
    user: z.string().nullable(),
    local: z.string().nullable().describe('who was asked; null where it did not come to that'),
    allowed: z.boolean().describe('whether a client would be told that the connection succeeded'),
    reply: z.int().min(0).max(255).describe('REP of RFC 1928 that a client would get'),
    code: z.string().nullable().describe('why it failed, for programs'),
    steps: z.array(CheckStep).readonly().describe('all seven, in the order in which they are taken'),
  })
  .meta({ id: 'CheckResult' });
export type CheckResult = z.output<typeof CheckResult>;
