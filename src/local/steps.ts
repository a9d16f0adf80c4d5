// The steps of a request, told to whoever wants to know how far it comes. Costs nothing where nobody does.

import { messageOf } from '../errors.ts';
import type { Progress } from '../net/connector.ts';

type Step = <T>(name: 'dns' | 'rules' | 'dial', work: () => T | Promise<T>, why: (value: T) => string) => Promise<T>;

/** Does the work of one step and tells how it went; `why` says it of one that went well, a failure says it itself. */
export const stepper =
  (tell: Progress['step']): Step =>
  async (step, work, why) => {
    if (tell === undefined) return work();
    const startedMs = performance.now();
    const done = (allowed: boolean, reason: string): void =>
      tell({ step, allowed, reason, ms: performance.now() - startedMs });
    try {
      const value = await work();
      done(true, why(value));
      return value;
    } catch (error) {
      done(false, messageOf(error));
      throw error;
    }
  };
