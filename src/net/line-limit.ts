// The same again and again is counted, not written: how many lines of one kind a log gets within a minute, in all and of
// one source, and how many there would have been more. Knows nothing of what the lines say.

/** For so long lines are counted together. */
export const LINES_MS = 60_000;

export interface LineLimitOptions {
  /** Of one kind, from all sources. */
  readonly lines: number;
  /** Of one kind, from one source. */
  readonly linesPerSource: number;
  /** How much of one kind was not written within a minute, and how much of each source; undefined for those of whom nothing was. */
  readonly onMore: (kind: string, count: number, bySource: ReadonlyMap<string | undefined, number>) => void;
}

/** What was written of one kind lately, and what was not: no more sources than lines. */
interface Window {
  readonly written: Map<string, number>;
  readonly unwritten: Map<string | undefined, number>;
  readonly timer: NodeJS.Timeout;
  lines: number;
}

export class LineLimit implements Disposable {
  readonly #options: LineLimitOptions;
  readonly #windows = new Map<string, Window>();

  constructor(options: LineLimitOptions) {
    this.#options = options;
  }

  /** Whether one more line may be written; it counts as written then. There have to be few kinds, and may be any sources. */
  mayWrite(kind: string, source: string): boolean {
    const { lines, linesPerSource } = this.#options;
    const window = this.#windows.get(kind) ?? this.#open(kind);
    const written = window.written.get(source);
    if (window.lines >= lines || (written ?? 0) >= linesPerSource) {
      const counted = written === undefined ? undefined : source;
      window.unwritten.set(counted, (window.unwritten.get(counted) ?? 0) + 1);
      return false;
    }
    window.lines += 1;
    window.written.set(source, (written ?? 0) + 1);
    return true;
  }

  /** Tells what was not written yet. */
  [Symbol.dispose](): void {
    for (const kind of this.#windows.keys()) this.#close(kind);
  }

  #open(kind: string): Window {
    const timer = setTimeout(() => this.#close(kind), LINES_MS).unref();
    const window = { written: new Map<string, number>(), unwritten: new Map<string, number>(), timer, lines: 0 };
    this.#windows.set(kind, window);
    return window;
  }

  #close(kind: string): void {
    const window = this.#windows.get(kind);
    if (window === undefined) return;
    this.#windows.delete(kind);
    clearTimeout(window.timer);
    const count = window.unwritten.values().reduce((sum, some) => sum + some, 0);
    if (count > 0) this.#options.onMore(kind, count, window.unwritten);
  }
}
