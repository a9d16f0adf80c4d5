// What each user and each local has used: counted from what moves, kept over restarts by whoever keeps history.

import type { StreamEnd } from '../net/streams.ts';
import type { UsageKind, UsageRow } from '../store/history.ts';

interface Figure {
  readonly kind: UsageKind;
  readonly name: string;
  streams: number;
  failures: number;
  bytesUp: number;
  bytesDown: number;
  lastAt: number;
}

/** What was counted of a running stream so far. */
interface Counted {
  readonly user: string;
  up: number;
  down: number;
}

/** Users and locals are registered ones, so these grow no further than the operator lets them. */
export class Figures {
  readonly #figures = new Map<string, Figure>();
  readonly #counted = new Map<number, Counted>();
  readonly #changed = new Set<Figure>();

  constructor(earlier: readonly UsageRow[]) {
    for (const row of earlier) this.#figures.set(keyOf(row.kind, row.name), { ...row });
  }

  get(kind: UsageKind, name: string): UsageRow {
    const { streams, failures, bytesUp, bytesDown, lastAt } = this.#figures.get(keyOf(kind, name)) ?? NOTHING;
    return { kind, name, streams, failures, bytesUp, bytesDown, lastAt };
  }

  /** `user` without the route that a client may have put behind it. */
  start(id: number, user: string, nowMs: number): void {
    this.#counted.set(id, { user, up: 0, down: 0 });
    this.#figure('user', user).lastAt = nowMs;
  }

  /** Counts what a stream has moved since it was last asked, and says how much that was. */
  progress(id: number, local: string | undefined, bytesUp: number, bytesDown: number, nowMs: number): Moved {
    const counted = this.#counted.get(id);
    if (counted === undefined) return STILL;
    const moved = { up: bytesUp - counted.up, down: bytesDown - counted.down };
    if (moved.up === 0 && moved.down === 0) return STILL;
    counted.up = bytesUp;
    counted.down = bytesDown;
    for (const figure of this.#figuresOf(counted.user, local)) {
      figure.bytesUp += moved.up;
      figure.bytesDown += moved.down;
      figure.lastAt = nowMs;
    }
    return moved;
  }

  end({ id, local, bytesUp, bytesDown, error }: StreamEnd, nowMs: number): Moved {
    const moved = this.progress(id, local, bytesUp, bytesDown, nowMs);
    const user = this.#counted.get(id)?.user;
    this.#counted.delete(id);
    if (user === undefined) return moved;
    for (const figure of this.#figuresOf(user, local)) {
      figure.streams += 1;
      figure.failures += error === undefined ? 0 : 1;
      figure.lastAt = nowMs;
    }
    return moved;
  }

  forget(kind: UsageKind, name: string): void {
    const figure = this.#figures.get(keyOf(kind, name));
    if (figure === undefined) return;
    this.#figures.delete(keyOf(kind, name));
    this.#changed.delete(figure);
  }

  /** What has changed since `kept` was called last. */
  changed(): UsageRow[] {
    return [...this.#changed].map((figure) => ({ ...figure }));
  }

  kept(): void {
    this.#changed.clear();
  }

  #figuresOf(user: string, local: string | undefined): Figure[] {
    const figure = this.#figure('user', user);
    return local === undefined ? [figure] : [figure, this.#figure('local', local)];
  }

  #figure(kind: UsageKind, name: string): Figure {
    const key = keyOf(kind, name);
    const figure = this.#figures.get(key) ?? { kind, name, ...NOTHING };
    this.#figures.set(key, figure);
    this.#changed.add(figure);
    return figure;
  }
}

interface Moved {
  readonly up: number;
  readonly down: number;
}

const STILL: Moved = { up: 0, down: 0 };
const NOTHING = { streams: 0, failures: 0, bytesUp: 0, bytesDown: 0, lastAt: 0 };

const keyOf = (kind: UsageKind, name: string): string => `${kind} ${name}`;
