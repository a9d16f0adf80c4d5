// What a test of the fault suite is, and what it is told: how much of it to do, and by which chance.

import { Seeded } from '../support/seeded.ts';

export interface Outcome {
  /** What was done and what came of it, in the words of the figure. */
  readonly reached: string;
  readonly met: boolean;
  /** What was not met is the kernel's, as docs/reliability.md explains, and all else was. Shown as missed; no failure of the run. */
  readonly explained?: boolean;
}

export interface Fault {
  readonly name: string;
  /** What is done, in full. */
  readonly what: string;
  /** What has to come of it. */
  readonly figure: string;
  /** About how long all of it takes. */
  readonly minutes: number;
  readonly run: (stage: Stage) => Promise<Outcome>;
}

/** How much of each test is done. */
export class Stage {
  readonly seed: number;
  /** From 0 to 1, where 1 is all of it. */
  readonly scale: number;
  /** Minutes become seconds: the timers of depot are a tenth, and so are the figures that follow from them. */
  readonly short: boolean;

  constructor(seed: number, scale: number, short: boolean) {
    this.seed = seed;
    this.scale = scale;
    this.short = short;
  }

  /** So many of `all`, and never fewer than `least`. */
  count(all: number, least = 1): number {
    return Math.max(least, Math.round(all * this.scale));
  }

  /** A tenth in the short form. */
  time(ms: number): number {
    return this.short ? ms / 10 : ms;
  }

  chance(what: string): Seeded {
    return new Seeded(`faults ${this.seed} ${what}`);
  }
}

export const quantile = (values: readonly number[], q: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
};

/** `0.8 s`, `12 ms`. */
export const duration = (ms: number): string =>
  ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;

/** Asks again and again until it is so. Resolves with how long that took; Infinity where it took longer than `mostMs`. */
export const untilSo = async (
  isSo: () => boolean | Promise<boolean>,
  mostMs: number,
  everyMs = 20,
): Promise<number> => {
  const startedMs = performance.now();
  for (;;) {
    if (await isSo()) return performance.now() - startedMs;
    if (performance.now() - startedMs > mostMs) return Number.POSITIVE_INFINITY;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
};
