// Bytes per second over the last 15 minutes, one number per second and direction, kept whether anybody looks or not.
// Knows no clock: it is told the time, a steady one.

const STEPS = 900;
const STEP_MS = 1000;

export interface TrafficSeries {
  /** The end of the newest step, milliseconds since 1970. */
  readonly until: number;
  readonly stepMs: number;
  /** Bytes per second, oldest first. */
  readonly up: readonly number[];
  readonly down: readonly number[];
}

export class Traffic {
  readonly #up = new Float64Array(STEPS);
  readonly #down = new Float64Array(STEPS);
  /** The second that is to be filled next, since 1970. */
  #next: number;

  constructor(nowMs: number) {
    this.#next = Math.floor(nowMs / STEP_MS);
  }

  /** Takes what has flowed since the last call, and spreads it over the seconds that are over by now. */
  record(nowMs: number, bytesUp: number, bytesDown: number): void {
    const end = Math.floor(nowMs / STEP_MS);
    // A machine that slept for long must not keep us busy.
    if (end <= this.#next - STEPS || end > this.#next + STEPS) this.#restart(end - 1);
    const seconds = Math.max(1, end - this.#next);
    for (let step = 0; step < seconds; step += 1) {
      const slot = (this.#next + step) % STEPS;
      this.#up[slot] = bytesUp / seconds;
      this.#down[slot] = bytesDown / seconds;
    }
    this.#next += seconds;
  }

  series(): TrafficSeries {
    const from = this.#next % STEPS;
    const inOrder = (values: Float64Array): number[] =>
      [...values.subarray(from), ...values.subarray(0, from)].map(Math.round);
    return { until: this.#next * STEP_MS, stepMs: STEP_MS, up: inOrder(this.#up), down: inOrder(this.#down) };
  }

  #restart(next: number): void {
    this.#up.fill(0);
    this.#down.fill(0);
    this.#next = next;
  }
}
