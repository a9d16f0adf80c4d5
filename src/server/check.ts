// Tries a target the way a stream goes, and says of each step how it went: what `depot check` and the dashboard show.
// Local is really asked and the app really dialed; what comes of it is closed again, and no byte is sent.

import { asDepotError, DepotError, Reply } from '../errors.ts';
import type { CheckedStep } from '../link/messages.ts';
import type { Connection, Request } from '../net/connector.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { type Address, canonicalHost, isIP, parseAddress } from '../socks/address.ts';
import {
  CHECK_STEPS,
  type CheckQuestion,
  type CheckResult,
  type CheckStep,
  type CheckStepName,
} from '../watch/check.ts';
import { adviceFor } from './advice.ts';
import type { ServerConnector } from './connector.ts';
import type { Decision, DecisionStep } from './decide.ts';
import type { Gate } from './gate.ts';

export interface CheckerOptions {
  readonly gate: Pick<Gate, 'decide'>;
  readonly connector: Pick<ServerConnector, 'askInTurn'>;
  /** The networks that a user may come from; empty for all. */
  readonly networksOf: (user: string) => readonly string[];
  /** How long the app may take to say something by itself, in milliseconds. */
  readonly firstByteMs?: number;
}

/** An app that waits for its client first says nothing for ever; one that speaks first does so by then. */
const FIRST_BYTE_MS = 1000;

const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'ssh:': 22, 'ftp:': 21 };

/** HOST:PORT, or a URL. Throws `invalid-argument`. */
const parseTarget = (text: string): Address => {
  const url = text.includes('://') ? URL.parse(text) : undefined;
  const address = url
    ? {
        host: canonicalHost(url.hostname.replaceAll(/^\[|\]$/g, '')),
        port: Number(url.port) || (PORTS[url.protocol] ?? 0),
      }
    : parseAddress(text);
  if (address !== undefined && address.port > 0 && address.host !== '') return address;
  throw new DepotError('invalid-argument', `"${text}" is no target: HOST:PORT is expected, such as nas.depot:9091.`);
};

const requestOf = ({ target, user, local, from }: CheckQuestion, networks: readonly string[]): Request => {
  const { host, port } = parseTarget(target);
  if (from !== undefined && !isIP(from))
    throw new DepotError('invalid-argument', `"${from}" is no IP address that a client could come from.`);
  if (local !== undefined && host.endsWith('.depot'))
    throw new DepotError('invalid-argument', `${host} names its local already; leave --local out.`);
  return {
    command: 'connect',
    destination: { host: local === undefined ? host : `${host}.${local.toLowerCase()}.depot`, port },
    user,
    from: from ?? networks[0]?.split('/')[0] ?? '127.0.0.1',
  };
};

/** What the app does first. */
const firstByte = (stream: Endpoint, patienceMs: number): Promise<Pick<CheckStep, 'verdict' | 'reason'>> =>
  new Promise((resolve) => {
    const failed = (reason: string): void => resolve({ verdict: 'failed', reason });
    const timer = setTimeout(
      () => resolve({ verdict: 'passed', reason: 'connected; the app waits for the client to speak first' }),
      patienceMs,
    );
    const told =
      <T extends unknown[]>(tell: (...args: T) => void) =>
      (...args: T): void => {
        clearTimeout(timer);
        tell(...args);
      };
    stream.readInto({
      write: told(() => resolve({ verdict: 'passed', reason: 'the app spoke first' })),
      end: told(() => failed('the app ended the connection without a word')),
      reset: told((error: DepotError) => failed(`the app aborted the connection: ${error.message}`)),
    });
  });

const IDENTITY: ReadonlySet<DecisionStep> = new Set(['user', 'valid-until', 'from', 'month', 'streams']);
const AT_LOCAL: Readonly<Record<string, CheckStepName>> = { dns: 'dns', rules: 'local-rules', dial: 'dial' };

const nameOf = (step: DecisionStep): CheckStepName => {
  if (IDENTITY.has(step)) return 'identity';
  return step === 'route' ? 'route' : 'server-rules';
};

type Found = Pick<CheckStep, 'step' | 'verdict' | 'ms' | 'reason'>;

/** What the server decided, the many questions about the user as one step. */
const decidedSteps = ({ steps, user }: Decision): Found[] => {
  const identity = steps.filter(({ step }) => IDENTITY.has(step));
  const failed = identity.find(({ allowed }) => !allowed);
  const nobody = 'no user was named (--user USER), so no limits of a user count';
  return [
    {
      step: 'identity',
      verdict: failed === undefined ? 'passed' : 'failed',
      ms: identity.reduce((sum, { ms }) => sum + ms, 0),
      reason: user === undefined ? nobody : (failed?.reason ?? identity.map(({ reason }) => reason).join('; ')),
    },
    ...steps
      .filter(({ step }) => !IDENTITY.has(step))
      .map(({ step, allowed, ms, reason }): Found => ({
        step: nameOf(step),
        verdict: allowed ? 'passed' : 'failed',
        ms,
        reason,
      })),
  ];
};

const stepAtLocal = ({ step, allowed, ms, reason }: CheckedStep): Found[] => {
  const name = AT_LOCAL[step];
  return name === undefined ? [] : [{ step: name, verdict: allowed ? 'passed' : 'failed', ms, reason }];
};

interface Trial {
  readonly steps: readonly Found[];
  readonly local: string | undefined;
  readonly error: DepotError | undefined;
}

export class Checker {
  readonly #options: CheckerOptions;

  constructor(options: CheckerOptions) {
    this.#options = options;
  }

  /** Rejects with `invalid-argument` only; every other failure is the answer. */
  async check(question: CheckQuestion): Promise<CheckResult> {
    const { gate, networksOf } = this.#options;
    const request = requestOf(question, question.user === undefined ? [] : networksOf(question.user));
    const decision = gate.decide(request);
    const { allowed, code = 'not-allowed', reason } = decision;
    const trial: Trial = allowed
      ? await this.#try(decision, request)
      : { steps: [], local: undefined, error: new DepotError(code, reason) };
    const { error, local } = trial;
    const found = [...decidedSteps(decision), ...trial.steps];
    const decided = decision.steps.find((step) => !step.allowed)?.step;
    const { destination, user } = decision;
    const advise = (step: CheckStepName): string =>
      adviceFor({ step, code: error?.code ?? 'aborted', decided, user, local, destination });
    return {
      target: question.target,
      user: question.user ?? null,
      local: local ?? null,
      allowed: error === undefined,
      reply: error?.reply ?? Reply.succeeded,
      code: error?.code ?? null,
      steps: CHECK_STEPS.map((step) => {
        const one = found.find((other) => other.step === step) ?? skipped(step, found);
        return { ...one, advice: one.verdict === 'failed' ? advise(step) : null };
      }),
    };
  }

  async #try(decision: Decision, request: Request): Promise<Trial> {
    const startedMs = performance.now();
    let local: string | undefined;
    let told: CheckedStep[] = [];
    const decided = (name: string | undefined): void => {
      local = name;
      // What one said that turned out to be gone says nothing of the next.
      told = [];
    };
    try {
      const connection = await this.#options.connector.askInTurn(decision, request, new AbortController().signal, {
        listening: () => undefined,
        decided,
        step: (step) => void told.push(step),
      });
      const connectMs = performance.now() - startedMs;
      const steps = told.flatMap(stepAtLocal);
      if (steps.length === 0)
        steps.push({ step: 'dial', verdict: 'passed', ms: connectMs, reason: `local ${local} reached the app` });
      return { steps: [...steps, await this.#firstByte(connection)], local, error: undefined };
    } catch (thrown) {
      const error = asDepotError(thrown, 'internal');
      const steps = told.flatMap(stepAtLocal);
      // An old local says no more than that it failed; one that was lost says nothing at all.
      if (!steps.some(({ verdict }) => verdict === 'failed'))
        steps.push({ step: 'dial', verdict: 'failed', ms: performance.now() - startedMs, reason: error.message });
      return { steps, local, error };
    }
  }

  async #firstByte(connection: Connection): Promise<Found> {
    if (connection.kind !== 'stream') throw new DepotError('internal', `the answer was ${connection.kind}`);
    const startedMs = performance.now();
    const found = await firstByte(connection.stream, this.#options.firstByteMs ?? FIRST_BYTE_MS);
    connection.stream.reset(new DepotError('stopped', 'the check is over'));
    return { step: 'first-byte', ...found, ms: performance.now() - startedMs };
  }
}

const skipped = (step: CheckStepName, found: readonly Found[]): Found => ({
  step,
  verdict: 'skipped',
  ms: null,
  reason: found.some(({ step: other }) => CHECK_STEPS.indexOf(other) > CHECK_STEPS.indexOf(step))
    ? 'this local is too old to tell'
    : 'not reached',
});
