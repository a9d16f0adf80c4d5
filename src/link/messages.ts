// The JSON payloads of the link, one schema each, checked on arrival: the other side may be old, broken or hostile. Pure.

import { z } from 'zod';
import { type ErrorCode, DepotError, isErrorCode } from '../errors.ts';
import { type Command, COMMANDS } from '../socks/messages.ts';

/** The versions of the protocol that this code speaks, newest first. docs/protocol.md says what each brought. */
export const PROTOCOL_VERSIONS: readonly number[] = [3, 2, 1];

/** The first version that knows this command. */
export const versionOf = (command: Command): number => (command === 'connect' ? 1 : 2);

/** The first version that heeds address rules with this command. A local that is older would ignore them without a word. */
export const addressRulesVersionOf = (command: Command): number => (command === 'associate' ? 3 : 2);

/** The first version in which either side says that it is about to stop. */
export const DRAINING_VERSION = 3;

const host = z.string().min(1).max(255);
const port = z.int().min(0).max(65535);
const address = z.object({ host, port });
/** For logs and terminals: nothing in it may steer them. */
const sentence = z
  .string()
  .max(1000)
  .transform((text) => text.replaceAll(/\p{Cc}/gu, ' '));

/** The name of a local: a DNS label, for it is one in `NAME.depot`. */
export const localName = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'a name has 1 to 63 letters a to z, digits and hyphens, no hyphen at either end',
  );

/** The name of a user. */
export const userName = z.string().regex(/^[\w.@-]{1,128}$/, 'a user name has 1 to 128 letters, digits and . _ @ -');

/** A code from a newer peer that we do not know is still a failure. */
const errorCode = z.string().transform((code): ErrorCode => (isErrorCode(code) ? code : 'internal'));

/** What a control connection begins with, whoever dials. Who is new brings the invitation from its join link. */
const caller = {
  versions: z.array(z.int()).min(1).max(32),
  software: z.string().max(100),
  platform: z.string().max(100),
  invitation: z.string().max(200).optional(),
};

/** The first frame of who dials the server: a local, a client on a laptop, or a tunnel of either. */
export const Hello = z.discriminatedUnion('purpose', [
  z.object({ purpose: z.literal('control'), ...caller }),
  /** `device`: what the client would like to be called among the devices of its user. */
  z.object({ purpose: z.literal('client'), device: z.string().max(255), ...caller }),
  z.object({ purpose: z.literal('tunnel'), id: z.string().max(200) }),
]);
export type Hello = z.infer<typeof Hello>;

/** What of a user's rules has room in a welcome, beside everything else. */
const MAX_PAC_RULE = 160;
const MAX_PAC_RULES = 80;

/** As many rules, from the first on, as a welcome can carry: what is about nothing goes to nowhere but where it went before. */
export const fittingPacRules = (rules: readonly string[]): string[] => {
  const tooLong = rules.findIndex((rule) => rule.length > MAX_PAC_RULE);
  return rules.slice(0, Math.min(MAX_PAC_RULES, tooLong < 0 ? Infinity : tooLong));
};

/** What a `Date` can hold. */
const LATEST_TIME = 8.64e15;

/** The server's answer on a control connection. */
export const Welcome = z.object({
  version: z.int(),
  /** The local, or the device of the user. */
  name: localName,
  /** Whose device a client is. */
  user: userName.optional(),
  software: z.string().max(100),
  tunnelPort: port.optional(),
  /** The server's clock, in milliseconds since 1970. Nothing depends on it; it tells people that a clock is wrong. */
  time: z.int().min(0).max(LATEST_TIME).optional(),
  /** What a browser of a client's user sends to depot besides `*.depot`: `allow RULE` and `deny RULE`, in order. */
  pacRules: z.array(z.string().max(MAX_PAC_RULE)).max(MAX_PAC_RULES).optional(),
});
export type Welcome = z.infer<typeof Welcome>;

/** Why a connection or a stream ends: goodbye, refused and reset. */
export const Failure = z.object({ code: errorCode, message: sentence });
export type Failure = z.infer<typeof Failure>;

/**
 * A rule of the server about what a name is resolved to. The first one that covers an address decides; where none does,
 * the address may not be dialed.
 */
const AddressRule = z.object({
  allow: z.boolean(),
  /** `*` for all, `loopback`, `!loopback`, or a CIDR. */
  addresses: z.string().max(50),
  /** As its operator wrote it, for the sentence that tells of it; empty where no rule of theirs was about the address. */
  rule: sentence,
});
export type AddressRule = z.infer<typeof AddressRule>;

/** What fits into a message beside everything else. */
const MAX_ADDRESS_RULES = 51;

/** What a client asked for, as local needs to know it. */
export const Open = z.object({
  command: z.enum(COMMANDS),
  destination: address,
  addressRules: z.array(AddressRule).max(MAX_ADDRESS_RULES).optional(),
  user: z.string().max(300).optional(),
  from: host,
  /** Somebody wants to know how far it comes: the answer carries the steps. */
  check: z.boolean().optional(),
});
export type Open = z.infer<typeof Open>;

/** How one step went of a request that is marked as a check. */
const CheckedStep = z.object({
  /** `dns`, `rules` or `dial`; others may come. */
  step: z.string().max(20),
  allowed: z.boolean(),
  /** Why, in a sentence. */
  reason: sentence,
  /** How long it took, in milliseconds. */
  ms: z.number().min(0),
});
export type CheckedStep = z.infer<typeof CheckedStep>;

/** What fits into a message beside everything else. */
const MAX_STEPS = 4;
const MAX_REASON = 500;

const steps = z.array(CheckedStep).max(MAX_STEPS).optional();

/** The app answered: local's socket of the app connection. */
export const Opened = z.object({ bound: address, steps });
export type Opened = z.infer<typeof Opened>;

/** It did not. */
export const Refused = Failure.extend({ steps });
export type Refused = z.infer<typeof Refused>;

/** The steps as they go into the answer; left out where nobody asked for them. */
export const stepsOf = (steps: readonly CheckedStep[]): { steps?: CheckedStep[] } =>
  steps.length === 0
    ? {}
    : { steps: steps.slice(0, MAX_STEPS).map((step) => ({ ...step, reason: step.reason.slice(0, MAX_REASON) })) };

/** Whoever says this takes no new requests and is about to stop; streams that run may end in peace. */
const Draining = z.object({ type: z.literal('draining') });

/** What the server says on the control connection once local is welcome. */
export const Control = z.discriminatedUnion('type', [
  /** Bring these tunnels: ids that are good once and for a short time. */
  z.object({ type: z.literal('tunnels'), ids: z.array(z.string().max(200)).max(256) }),
  /** There is no tunnel yet: bring this one for this request; the stream is number 1 on it. */
  z.object({ type: z.literal('request'), tunnel: z.string().max(200), open: Open }),
  Draining,
]);
export type Control = z.infer<typeof Control>;

/** What local says on the control connection. */
export const LocalControl = z.discriminatedUnion('type', [
  /** This tunnel will not come. */
  z.object({ type: z.literal('tunnel-failed'), tunnel: z.string().max(200), failure: Failure }),
  Draining,
]);
export type LocalControl = z.infer<typeof LocalControl>;

/** Reads one JSON payload. Throws `protocol-violation` that says what was wrong. */
export const parseMessage = <T>(schema: z.ZodType<T>, payload: Uint8Array): T => {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (cause) {
    throw new DepotError('protocol-violation', 'a message that is no JSON', { cause });
  }
  const result = schema.safeParse(json);
  if (!result.success)
    throw new DepotError('protocol-violation', `a message of the wrong form: ${z.prettifyError(result.error)}`);
  return result.data;
};

export const failureOf = (error: DepotError): Failure => ({ code: error.code, message: error.message.slice(0, 1000) });

export const errorOf = ({ code, message }: Failure): DepotError => new DepotError(code, message);
