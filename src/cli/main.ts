// The command line: parses, runs one command, and turns whatever goes wrong into one plain sentence and an exit code.

import type { Command, CommanderError } from 'commander';
import { DepotError, errnoOf } from '../errors.ts';
import { createProgram } from './program.ts';
import { Interrupted } from './secret.ts';

const FAILED = 1;
const USAGE = 2;
const INTERRUPTED = 130;
const LAST_WORDS_MS = 1000;

const program = await createProgram(process.argv.slice(2));

/** A join link that went to the wrong place is repeated without what makes it good. */
const complain = (text: string): boolean => process.stderr.write(text.replaceAll(/depot:\/\/[\w-]+/g, 'depot://…'));

/** Where commander would have exited, and at which command. It has said why. */
class Ended extends Error {
  readonly command: Command;
  readonly reason: CommanderError;

  constructor(command: Command, reason: CommanderError) {
    super(reason.message, { cause: reason });
    this.command = command;
    this.reason = reason;
  }
}

/** Commander would exit by itself, with 1 for everything, repeat what it does not understand, and know half of it. */
const takeOver = (command: Command): void => {
  command
    .showSuggestionAfterError(false)
    .configureOutput({ writeErr: complain })
    .exitOverride((reason) => {
      throw new Ended(command, reason);
    });
  command.commands.forEach(takeOver);
};
takeOver(program);

const exitCodeOf = async (error: unknown): Promise<number> => {
  if (error instanceof Ended) {
    // Help and version are no errors.
    if (error.reason.exitCode === 0) return 0;
    const { adviceFor } = await import('./advice.ts');
    complain(adviceFor(error.command, error.reason.code));
    return USAGE;
  }
  if (error instanceof Interrupted) return INTERRUPTED;
  if (!(error instanceof DepotError)) throw error;
  complain(`depot: ${error.message}\n`);
  return error.code === 'invalid-argument' ? USAGE : FAILED;
};

// Whoever reads may stop reading, as in `depot --help | head`: what is left has nowhere to go, and that is no failure.
process.stdout.on('error', (error) => {
  if (errnoOf(error) !== 'EPIPE') throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await exitCodeOf(error);
}
// Last words may still be on their way to a peer; they keep nobody waiting for long.
setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
