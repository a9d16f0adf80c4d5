// Runs programs as a user would: their output as text, their exit code, and nothing left running.

import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';

export interface RunOptions {
  /** What the program reads from stdin; nothing by default. */
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export interface Finished {
  /** Exit code; 128 and the signal's number where a signal ended it, as in a shell. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that would wait for ever is a failed test, not a hung one. */
const LONGEST_MS = 30_000;
/** Debian keeps daemons where an ordinary user's PATH does not look. */
const PATH = `${process.env['PATH']}:/usr/local/sbin:/usr/sbin:/sbin`;
/** Settings of the machine that runs the tests are none of theirs. */
const NEUTRAL: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => /_proxy$|^(?:NO|FORCE)_COLOR$|^DEPOT_|^GIT_|^NODE_/i.test(name))
      .map((name) => [name, undefined]),
  ),
  PATH,
  LC_ALL: 'C',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
};

/** A running program. Killed at the end of the scope where it still runs. */
export class Program implements AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #name: string;
  readonly #finished: Promise<Finished>;
  stdout = '';
  stderr = '';

  constructor(command: string, args: readonly string[], { input, env, cwd }: RunOptions = {}) {
    this.#name = `${command} ${args.join(' ')}`;
    this.child = spawn(command, args, { cwd, env: { ...process.env, ...NEUTRAL, ...env } });
    this.child.stdin.on('error', () => undefined);
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#finished = this.#finish();
    this.#finished.catch(() => undefined);
    if (input !== undefined) this.child.stdin.end(input);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when it has ended. */
  get finished(): Promise<Finished> {
    return this.#finished;
  }

  /** Waits until its output (of both kinds) matches. Rejects, with all of the output, when it ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) return match;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`${this.#name} ended without saying ${pattern}:\n${this.stdout}\n${this.stderr}`);
      }
      const woken = Promise.withResolvers<void>();
      const wake = (): void => woken.resolve();
      this.child.stdout.once('data', wake);
      this.child.stderr.once('data', wake);
      this.child.once('close', wake);
      const timer = setTimeout(
        () => woken.reject(new Error(`${this.#name} never said ${pattern}:\n${this.stdout}\n${this.stderr}`)),
        LONGEST_MS,
      );
      await woken.promise.finally(() => {
        clearTimeout(timer);
        this.child.stdout.off('data', wake);
        this.child.stderr.off('data', wake);
        this.child.off('close', wake);
      });
    }
  }

  async stop(signal: NodeJS.Signals): Promise<Finished> {
    this.child.kill(signal);
    return this.#finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#finished.catch(() => undefined);
  }

  async #finish(): Promise<Finished> {
    const [code, signal] = (await once(this.child, 'close')) as [number | null, NodeJS.Signals | null];
    return { code: code ?? 128 + constants.signals[signal ?? 'SIGKILL'], stdout: this.stdout, stderr: this.stderr };
  }
}

/** Runs a program to its end. */
export const run = async (command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> => {
  await using program = new Program(command, args, { input: '', ...options });
  const timer = setTimeout(() => program.child.kill('SIGKILL'), LONGEST_MS);
  try {
    return await program.finished;
  } finally {
    clearTimeout(timer);
  }
};

/** What it printed, once it has ended well. */
export const succeeded = ({ code, stdout, stderr }: Finished): string => {
  assert.equal(code, 0, stderr);
  return stdout;
};

/** curl, quiet but for its errors, through a proxy. */
export const curl = (proxy: string, ...args: readonly string[]): Promise<Finished> =>
  run('curl', ['-sS', '--disable', '-m', '20', '-x', proxy, ...args]);
