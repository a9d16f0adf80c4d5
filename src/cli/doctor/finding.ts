// What a check of the doctor comes to. Whatever is not in order says how to mend it.

import { asDepotError, type ErrorCode } from '../../errors.ts';

export type Finding =
  | { readonly what: string; readonly verdict: 'ok'; readonly says: string }
  | {
      readonly what: string;
      readonly verdict: 'warning' | 'failed';
      readonly says: string;
      /** What to do. */
      readonly mend: string;
    };

export const ok = (what: string, says: string): Finding => ({ what, verdict: 'ok', says });
export const warning = (what: string, says: string, mend: string): Finding => ({
  what,
  verdict: 'warning',
  says,
  mend,
});
export const failed = (what: string, says: string, mend: string): Finding => ({ what, verdict: 'failed', says, mend });

/** Errors of depot say first what is wrong, and then what to do; `mend` is for those that say only the one. */
export const failedBy = (what: string, error: unknown, code: ErrorCode, mend: string): Finding => {
  const { message } = asDepotError(error, code);
  const end = message.indexOf('. ') + 1;
  return end === 0 ? failed(what, message, mend) : failed(what, message.slice(0, end), message.slice(end + 1));
};
