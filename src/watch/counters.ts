// Plain numbers that only grow, for /metrics. Their labels are registered locals and codes of our own, so there are few.

import type { Reply } from '../errors.ts';

/** Upper bounds in seconds; one more for everything above. */
export const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export interface Histogram {
  readonly local: string;
  readonly reply: Reply;
  /** How many fell into each bucket, not cumulated. */
  readonly counts: number[];
  sum: number;
}

export interface Bytes {
  up: number;
  down: number;
}

export class Counters {
  /** By local; the empty name is "none was chosen". */
  readonly connects = new Map<string, Histogram>();
  readonly bytes = new Map<string, Bytes>();
  readonly sessions = new Map<string, number>();
  /** By code. */
  readonly failures = new Map<string, number>();
  /** By port, then by code. */
  readonly turnedAwayAt = new Map<string, Map<string, number>>();

  answered(local: string, reply: Reply, seconds: number): void {
    const key = `${reply} ${local}`;
    let histogram = this.connects.get(key);
    if (histogram === undefined) {
      histogram = { local, reply, counts: Array.from({ length: BUCKETS.length + 1 }, () => 0), sum: 0 };
      this.connects.set(key, histogram);
    }
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    const index = bucket < 0 ? BUCKETS.length : bucket;
    histogram.counts[index] = (histogram.counts[index] ?? 0) + 1;
    histogram.sum += seconds;
  }

  moved(local: string, up: number, down: number): void {
    const bytes = this.bytes.get(local);
    if (bytes === undefined) this.bytes.set(local, { up, down });
    else {
      bytes.up += up;
      bytes.down += down;
    }
  }

  failed(code: string): void {
    add(this.failures, code);
  }

  turnedAway(port: string, code: string): void {
    const codes = this.turnedAwayAt.get(port) ?? new Map<string, number>();
    this.turnedAwayAt.set(port, codes);
    add(codes, code);
  }

  session(local: string): void {
    add(this.sessions, local);
  }

  /** Names that come and go must not pile up. */
  forget(local: string): void {
    this.bytes.delete(local);
    this.sessions.delete(local);
    for (const [key, histogram] of this.connects) if (histogram.local === local) this.connects.delete(key);
  }
}

const add = (counts: Map<string, number>, key: string): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};
