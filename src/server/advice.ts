// What to change where a step of a check failed: one sentence for each way to fail. Pure.

import type { ErrorCode } from '../errors.ts';
import { type Address, formatAddress } from '../socks/address.ts';
import type { CheckStepName } from '../watch/check.ts';
import type { DecisionStep } from './decide.ts';

export interface Failed {
  readonly step: CheckStepName;
  readonly code: ErrorCode;
  /** Which of the server's own steps it was, where it was one. */
  readonly decided: DecisionStep | undefined;
  readonly user: string | undefined;
  readonly local: string | undefined;
  /** What the target is called at the local. */
  readonly destination: Address;
}

type Advice = (failed: Failed) => string;

const nameOf = ({ user }: Failed): string => user ?? 'USER';
const at = ({ local }: Failed): string => local ?? 'the local';

const BY_DECISION: Readonly<Record<Exclude<DecisionStep, 'route' | 'rules'>, Advice>> = {
  'user': (failed) => `Correct the name, or make this user: depot user add ${nameOf(failed)}`,
  'valid-until': (failed) => `Give the user more time: depot user set ${nameOf(failed)} --until DATE`,
  'from': (failed) =>
    `Ask from where the user may come (--from ADDRESS), or let it come from elsewhere: depot user set ${nameOf(failed)} --from NETWORK`,
  'month': (failed) => `Wait for the next month, or raise the limit: depot user set ${nameOf(failed)} --monthly BYTES`,
  'streams': (failed) =>
    `End streams of this user, or raise the limit: depot user set ${nameOf(failed)} --max-streams N`,
};

const ROUTE: Partial<Record<ErrorCode, Advice>> = {
  'no-such-local': () => 'Correct the name (depot locals lists them), or invite it: depot invite NAME',
  'local-away': () => 'Start depot local there, or look into its log for why it cannot connect.',
  'no-route': () =>
    'Name a local: in the host, as in HOST.NAME.depot, with --local NAME, or in the list of the user (depot user set USER --locals NAME). Without one, depot invite NAME makes a link.',
  'not-allowed': (failed) => `Let the user use this local: depot user set ${nameOf(failed)} --locals NAMES`,
  'malformed-request': () => 'Correct the host: HOST.NAME.depot or NAME.depot.',
};

const LINK = 'Look at the local and its line to the server: depot status there, and its log.';

const BY_CODE: Partial<Record<ErrorCode, Advice>> = {
  'connection-refused': (failed) =>
    `Nothing listens there: start the app, or correct the port, or let the app listen where ${at(failed)} reaches it.`,
  'dial-timeout': (failed) =>
    `Nothing answered: look whether ${failed.destination.host} is switched on, and whether a firewall drops what comes from ${at(failed)}.`,
  'host-unreachable': (failed) =>
    `Look whether ${failed.destination.host} is switched on and in the network of ${at(failed)}.`,
  'network-unreachable': (failed) => `${at(failed)} has no way into that network: correct the address, or its routes.`,
  'not-allowed': (failed) =>
    `The system of ${at(failed)} forbids it: look at its firewall, or what its service may do.`,
  'local-away': () => LINK,
  'local-lost': () => LINK,
  'connection-lost': () => LINK,
  'timed-out': () => LINK,
};

const BY_STEP: Readonly<Record<CheckStepName, Advice>> = {
  'identity': ({ decided, ...failed }) =>
    decided !== undefined && decided !== 'route' && decided !== 'rules'
      ? BY_DECISION[decided]({ decided, ...failed })
      : 'Correct the user.',
  'route': (failed) => ROUTE[failed.code]?.(failed) ?? 'Correct the target, or name a local with --local NAME.',
  'server-rules': (failed) =>
    `Allow it on the server: ${failed.user === undefined ? '' : `depot user set ${failed.user} --allow ${formatAddress(failed.destination)} together with the rules that shall stay (depot user show ${failed.user}), or `}a rule 'allow ${formatAddress(failed.destination)}' in its configuration, before the one that forbids it.`,
  'dns': (failed) =>
    `${at(failed)} has to know the name, not this server: correct it, give ${at(failed)} a resolver that knows it, or ask for the address.`,
  'local-rules': (failed) =>
    `Where ${at(failed)} runs, start it with --allow '${formatAddress(failed.destination)}' besides the rules it has; names that lead to its own loopback need --allow localhost. Where the server's rules forbid the address, change those.`,
  'dial': (failed) => BY_CODE[failed.code]?.(failed) ?? 'The log of the local says more.',
  'first-byte': () => 'The app took the connection and ended it at once: its own access list, or its log, says why.',
};

/** One sentence: what to change. */
export const adviceFor = (failed: Failed): string => BY_STEP[failed.step](failed);
