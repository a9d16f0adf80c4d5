// When there was no link, and why: the newest of them, for whoever asks. Knows no clock: it is told the time.

import type { DepotError } from '../errors.ts';
import type { Outage } from '../watch/status.ts';

const KEPT = 20;

export class Outages {
  /** Newest first. */
  #outages: readonly Outage[] = [];

  get list(): readonly Outage[] {
    return this.#outages;
  }

  /** A link was lost. */
  lost(nowMs: number, { code, message }: DepotError): void {
    this.#begin({ from: nowMs, until: null, code, reason: message, attempts: 0 });
  }

  /** An attempt failed. */
  failed(nowMs: number, { code, message }: DepotError): void {
    const [newest] = this.#outages;
    if (newest?.until === null) this.#replaceNewest({ ...newest, attempts: newest.attempts + 1 });
    else this.#begin({ from: nowMs, until: null, code, reason: message, attempts: 1 });
  }

  /** There is a link. */
  over(nowMs: number): void {
    const [newest] = this.#outages;
    if (newest?.until === null) this.#replaceNewest({ ...newest, until: nowMs });
  }

  #begin(outage: Outage): void {
    this.#outages = [outage, ...this.#outages].slice(0, KEPT);
  }

  #replaceNewest(outage: Outage): void {
    this.#outages = [outage, ...this.#outages.slice(1)];
  }
}
