// The command line: parses, runs one command, and turns whatever goes wrong into one plain sentence and an exit code.

import { type Command, CommanderError } from 'commander';
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

/** Commander would exit by itself, with 1 for everything, and repeat what it does not understand. */
const takeOver = (command: Command): void => {
  command.exitOverride().configureOutput({ writeErr: complain });
  command.commands.forEach(takeOver);
};
takeOver(program);

const exitCodeOf = (error: unknown): number => {
  // Commander has said what was wrong by the time it throws; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
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
  process.exitCode = exitCodeOf(error);
}
// Last words may still be on their way to a peer; they keep nobody waiting for long.
setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
