// What goes wrong at the ports: who was turned away and why, and what nobody foresaw. One connection must never take the
// others with it, and no number of strangers fills a disk: the same again and again is counted, not written.

import { type DepotError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { networkOf } from '../socks/address.ts';

/** Somebody got no further than `port`. */
type OnTurnedAway = (port: string, from: string, error: DepotError) => void;

/** Within this time each kind has so many lines, in all and for one address (one /64 with IPv6). */
const WINDOW_MS = 60_000;
const LINES = 300;
const LINES_PER_ADDRESS = 10;

/** What was written of one kind lately, and what was not. */
interface Window {
  readonly lines: Map<string, number>;
  readonly timer: NodeJS.Timeout;
  written: number;
  unwritten: number;
}

export class Incidents implements Disposable {
  readonly #log: Log;
  readonly #onTurnedAway: OnTurnedAway;
  /** By port and code, so there are few. */
  readonly #windows = new Map<string, Window>();

  constructor(log: Log, onTurnedAway: OnTurnedAway) {
    this.#log = log;
    this.#onTurnedAway = onTurnedAway;
  }

  /** What a port is handed, to tell of those who are turned away there. */
  at(port: string): (from: string, error: DepotError) => void {
    return (from, error) => {
      const why = error.message;
      if (this.#mayWrite(port, error.code, networkOf(from)))
        this.#log.info({ event: 'turned-away', port, from, why }, `turned away ${from}: ${why}`);
      this.#onTurnedAway(port, from, error);
    };
  }

  readonly unforeseen = (error: unknown): void =>
    this.#log.error({ event: 'unforeseen', error: messageOf(error) }, `unforeseen: ${messageOf(error)}`);

  watch(serving: Promise<void>): void {
    serving.catch(this.unforeseen);
  }

  /** Says what was not written yet. */
  [Symbol.dispose](): void {
    for (const { timer } of this.#windows.values()) clearTimeout(timer);
    for (const kind of this.#windows.keys()) this.#close(kind);
  }

  #mayWrite(port: string, code: string, network: string): boolean {
    const kind = `${port} ${code}`;
    const window = this.#windows.get(kind) ?? this.#open(kind);
    const lines = window.lines.get(network) ?? 0;
    if (window.written >= LINES || lines >= LINES_PER_ADDRESS) {
      window.unwritten += 1;
      return false;
    }
    window.written += 1;
    window.lines.set(network, lines + 1);
    return true;
  }

  #open(kind: string): Window {
    const timer = setTimeout(() => this.#close(kind), WINDOW_MS).unref();
    const window = { lines: new Map<string, number>(), timer, written: 0, unwritten: 0 };
    this.#windows.set(kind, window);
    return window;
  }

  #close(kind: string): void {
    const unwritten = this.#windows.get(kind)?.unwritten ?? 0;
    this.#windows.delete(kind);
    if (unwritten === 0) return;
    const [port, code] = kind.split(' ');
    this.#log.info(
      { event: 'turned-away-more', port, code, count: unwritten },
      `turned away ${unwritten} more at ${port} within ${WINDOW_MS / 1000} s (${code})`,
    );
  }
}
