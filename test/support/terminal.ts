// A terminal of its own for a shell, made by `script`: what is written to its standard input is typed there.

import { BIN } from './cli.ts';
import { Program } from './programs.ts';

/** One with sixteen colours, wherever the tests run. */
const ENV: NodeJS.ProcessEnv = {
  SHELL: '/bin/sh',
  TERM: 'xterm',
  COLORTERM: undefined,
  TMUX: undefined,
  CI: undefined,
};

/** depot with these arguments, as a shell takes it. */
export const typed = (...args: readonly string[]): string =>
  [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(' ');

/** Runs lines of a shell in a terminal. Ctrl-C goes to the shell as well, which outlives it and goes on to the next line. */
export const inShell = (lines: string, env: NodeJS.ProcessEnv = {}): Program =>
  new Program('/usr/bin/script', ['--quiet', '--return', '--command', `trap : INT; ${lines}`, '/dev/null'], {
    env: { ...ENV, ...env },
  });
