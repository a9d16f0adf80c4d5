// What a user may do, as options of `depot user add` and `depot user set`, and as lines to read.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { UserChange, UserInfo } from '../watch/admin-api.ts';
import { size } from './format.ts';

/** Takes a limit away, or asks for none. commander has no null, so that comes later. */
const NONE = 'none';
type Amount = number | typeof NONE;

const UNITS: Readonly<Record<string, number>> = { '': 1, 'k': 1e3, 'm': 1e6, 'g': 1e9, 't': 1e12 };
const BINARY_UNITS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `1500`, `10M`, `1.5G` (powers of ten) or `512KiB` (powers of two). */
const bytes = (text: string): Amount => {
  if (text === NONE) return NONE;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?$/i.exec(text);
  const unit = match?.[2]?.toLowerCase() ?? '';
  const factor = (match?.[3] === '' ? UNITS : BINARY_UNITS)[unit];
  const value = Math.round(Number(match?.[1]) * (factor ?? Number.NaN));
  if (value >= 1 && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError(`A number of bytes is expected, such as 500k, 10M or 1.5G, or ${NONE}.`);
};

const count = (text: string): Amount => {
  if (text === NONE) return NONE;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError(`A number from 1 on is expected, or ${NONE}.`);
  return Number(text);
};

/** JavaScript takes the 31st of February for the 3rd of March. */
const isInCalendar = (day: string): boolean => {
  const time = Date.parse(day);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day);
};

/** A day counts to its end (UTC). */
const date = (text: string): Amount => {
  if (text === NONE) return NONE;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)$/.test(text);
  const time = (isDay || isTime) && isInCalendar(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new InvalidArgumentError(
      `A day such as 2027-12-31 or a time such as 2027-12-31T18:00Z is expected, or ${NONE}.`,
    );
  return isDay ? time + 24 * 3_600_000 : time;
};

const list =
  (empty: string) =>
  (text: string, earlier: readonly string[] | undefined): string[] =>
    text === empty ? [] : [...(earlier ?? []), ...text.split(',').map((item) => item.trim())];

/** What commander makes of the options below. */
export interface LimitOptions {
  readonly locals?: string[];
  readonly allow?: string[];
  readonly deny?: string[];
  readonly rules: boolean;
  readonly from?: string[];
  readonly maxStreams?: Amount;
  readonly rate?: Amount;
  readonly monthly?: Amount;
  readonly until?: Amount;
}

/** Adds the options; what they said is then read by `limitsOf`. */
export const addLimits = (command: Command): Command => {
  // Their order on the command line is the order in which they are tried, so both write into one list.
  const rules: string[] = [];
  const rule =
    (effect: 'allow' | 'deny') =>
    (text: string): string[] => {
      rules.push(`${effect} ${text}`);
      return rules;
    };
  return command
    .addOption(
      new Option(
        '--locals <names>',
        'the locals and groups that this user may use, in order of preference, separated by commas; or all',
      ).argParser(list('all')),
    )
    .addOption(
      new Option(
        '--allow <rule>',
        'what may be reached: HOST[:PORTS]; repeatable, the first that matches decides',
      ).argParser(rule('allow')),
    )
    .addOption(
      new Option('--deny <rule>', 'what may not be reached; repeatable, in order with --allow').argParser(rule('deny')),
    )
    .option('--no-rules', 'no rules about what may be reached')
    .addOption(
      new Option('--from <networks>', 'where the user may come from, CIDR, separated by commas; or any').argParser(
        list('any'),
      ),
    )
    .addOption(new Option('--max-streams <n>', 'streams at once; or none for no limit').argParser(count))
    .addOption(
      new Option('--rate <bytes>', 'bytes per second in each direction, such as 10M; or none').argParser(bytes),
    )
    .addOption(new Option('--monthly <bytes>', 'bytes per calendar month (UTC), such as 50G; or none').argParser(bytes))
    .addOption(
      new Option('--until <date>', 'the last day on which the user is valid (UTC), or a time; or none').argParser(date),
    );
};

const orNull = (amount: Amount | undefined): number | null | undefined => (amount === NONE ? null : amount);

export const limitsOf = ({
  locals,
  allow,
  deny,
  rules,
  from,
  maxStreams,
  rate,
  monthly,
  until,
}: LimitOptions): UserChange => ({
  locals,
  rules: rules ? (allow ?? deny) : [],
  from,
  maxStreams: orNull(maxStreams),
  rateBytes: orNull(rate),
  monthlyBytes: orNull(monthly),
  validUntil: orNull(until),
});

const NO_LIMIT = 'no limit';

/** One line for each thing that can be set. */
export const describeUser = (user: UserInfo): string =>
  [
    `user      ${user.name}, since ${new Date(user.createdAt).toISOString().slice(0, 10)}`,
    `locals    ${user.locals.join(', ') || 'all'}`,
    `rules     ${user.rules.join('\n          ') || 'none'}`,
    `from      ${user.from.join(', ') || 'any'}`,
    `streams   ${user.maxStreams ?? NO_LIMIT}`,
    `rate      ${user.rateBytes === null ? NO_LIMIT : `${size(user.rateBytes)}/s`}`,
    `month     ${size(user.usedBytes)} used, ${user.monthlyBytes === null ? NO_LIMIT : `of ${size(user.monthlyBytes)}`}`,
    `until     ${user.validUntil === null ? NO_LIMIT : new Date(user.validUntil).toISOString()}`,
  ].join('\n');
