// Why things failed in the last 15 minutes: how often for each reason, and the newest case of each to look at.
// Knows no clock: it is told the time, a steady one.

const MINUTES = 15;
const MINUTE_MS = 60_000;

/** One reason: a code of `src/errors.ts`, and where it was met. */
export interface FailureReason {
  readonly code: string;
  /** `stream`, or the port at which somebody was turned away. */
  readonly where: string;
  /** In the last 15 minutes. */
  readonly count: number;
  /** The newest of them. */
  readonly last: { readonly at: number; readonly message: string; readonly subject: string };
}

interface Reason {
  readonly code: string;
  readonly where: string;
  readonly perMinute: Float64Array;
  /** The minute that was counted last, since 1970. */
  minute: number;
  last: FailureReason['last'];
}

export class Failures {
  readonly #reasons = new Map<string, Reason>();

  /** `subject` is what it was about: a target, or the address of a stranger. */
  record(nowMs: number, where: string, code: string, message: string, subject: string): void {
    const key = `${where} ${code}`;
    const last = { at: nowMs, message, subject };
    const reason = this.#reasons.get(key) ?? { code, where, perMinute: new Float64Array(MINUTES), minute: 0, last };
    this.#reasons.set(key, reason);
    advance(reason, nowMs);
    const slot = reason.minute % MINUTES;
    reason.perMinute[slot] = (reason.perMinute[slot] ?? 0) + 1;
    reason.last = last;
  }

  /** Most frequent first. */
  list(nowMs: number): FailureReason[] {
    return [...this.#reasons.values()]
      .map((reason) => {
        advance(reason, nowMs);
        const { code, where, perMinute, last } = reason;
        return { code, where, last, count: perMinute.reduce((sum, count) => sum + count, 0) };
      })
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count);
  }
}

/** Empties the minutes that were skipped. */
const advance = (reason: Reason, nowMs: number): void => {
  const minute = Math.floor(nowMs / MINUTE_MS);
  const skipped = Math.min(MINUTES, minute - reason.minute);
  for (let step = 1; step <= skipped; step += 1) reason.perMinute[(reason.minute + step) % MINUTES] = 0;
  if (skipped === MINUTES) reason.perMinute.fill(0);
  reason.minute = Math.max(reason.minute, minute);
};
