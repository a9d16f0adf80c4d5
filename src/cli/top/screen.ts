// The terminal while it belongs to `depot top`: the alternate screen and keys one by one. However the process ends, it
// leaves the terminal as it was.

import { writeSync } from 'node:fs';
import { emitKeypressEvents } from 'node:readline';
import { DepotError } from '../../errors.ts';
import type { Key, ScreenSize } from './board.ts';

const ENTER = '\u001B[?1049h\u001B[?25l';
const LEAVE = '\u001B[?25h\u001B[?1049l';
const HOME = '\u001B[H';
const CLEAR_LINE = '\u001B[K';

const STDOUT = 1;
/** What a shell expects of who was ended by SIGTERM or SIGHUP. */
const SIGNALS = { SIGTERM: 143, SIGHUP: 129 } as const;

interface RawKey {
  readonly name?: string;
  readonly ctrl?: boolean;
}

export class Screen implements Disposable {
  readonly #onExit = (): void => this[Symbol.dispose]();
  readonly #onKey: (text: string | undefined, key: RawKey) => void;
  readonly #onResize: () => void;
  #open = true;

  /** Takes the terminal over. Throws `invalid-argument` where there is none, or none that can be filled. */
  constructor(onKey: (key: Key) => void, onResize: () => void) {
    if (!process.stdin.isTTY || !process.stdout.isTTY)
      throw new DepotError(
        'invalid-argument',
        'This is no terminal, so there is nothing to fill. `depot status` prints the same once.',
      );
    if (process.env['TERM'] === 'dumb')
      throw new DepotError(
        'invalid-argument',
        'This terminal cannot be filled (TERM is dumb). `depot status` prints the same once.',
      );
    this.#onKey = (text, { name, ctrl = false }) => onKey({ name, text, ctrl });
    this.#onResize = onResize;
    // Also after an exception that nobody caught.
    process.on('exit', this.#onExit);
    for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => process.exit(code));
    emitKeypressEvents(process.stdin);
    process.stdin.setRawMode(true).on('keypress', this.#onKey).resume();
    process.stdout.on('resize', this.#onResize);
    writeSync(STDOUT, ENTER);
  }

  get size(): ScreenSize {
    const { columns, rows } = process.stdout;
    // A terminal that does not say its size says 0.
    return { columns: columns || 80, rows: rows || 24 };
  }

  show(lines: readonly string[]): void {
    if (this.#open) process.stdout.write(HOME + lines.map((line) => line + CLEAR_LINE).join('\r\n'));
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    process.off('exit', this.#onExit);
    process.stdout.off('resize', this.#onResize);
    process.stdin.off('keypress', this.#onKey).setRawMode(false).pause();
    writeSync(STDOUT, LEAVE);
  }
}
