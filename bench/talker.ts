// The near end of a process of the benchmark, which talks in lines of JSON.

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Figures } from './jobs.ts';
import { killTree } from './processes.ts';

/** Beyond the time that a job sets itself; whoever has not answered by then has no figure. */
const PATIENCE_MS = 30_000;

export class Talker implements Disposable {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcess) {
    if (child.stdout === null) throw new Error('a child without output');
    this.child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  say(what: unknown): void {
    this.child.stdin?.write(`${JSON.stringify(what)}\n`);
  }

  /** The next line, or an error once the process has ended or taken too long. */
  async hear(seconds = 0): Promise<Figures> {
    const limit = setTimeout(() => killTree(this.child), seconds * 1000 + PATIENCE_MS);
    const { value, done } = await this.#lines.next();
    clearTimeout(limit);
    if (done === true) throw new Error('the load generator gave up or was given up');
    return JSON.parse(value) as Figures;
  }

  [Symbol.dispose](): void {
    killTree(this.child);
  }
}
