// What to say to a command line that commander does not understand: what may have been meant, of all that there is, shown
// in the help or not; else where to look.

import type { Command } from 'commander';
import { nearest } from '../config/nearest.ts';

const DASHES = '--';

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;

const didYouMean = (candidate: string | undefined, command: Command): string =>
  candidate === undefined ? `(${pathOf(command)} --help shows what there is)\n` : `(Did you mean ${candidate}?)\n`;

/** Those of the commands above count wherever they stand. */
const optionsOf = (command: Command): string[] => [
  ...command.options.flatMap(({ long }) => long ?? []),
  ...(command.parent === null ? [] : optionsOf(command.parent)),
];

const nearestOption = (command: Command): string | undefined => {
  const [word] = command.args.find((argument) => argument.startsWith(DASHES))?.split('=') ?? [];
  if (word === undefined) return undefined;
  const known = [...optionsOf(command), '--help'].map((option) => option.slice(DASHES.length));
  const candidate = nearest(word.slice(DASHES.length), known);
  return candidate === undefined ? undefined : DASHES + candidate;
};

const nearestCommand = (command: Command, word: string | undefined): string | undefined =>
  word === undefined
    ? undefined
    : nearest(
        word,
        command.commands.map((below) => below.name()),
      );

/** Lines to follow what commander said; `code` is what it calls the mistake. */
export const adviceFor = (command: Command, code: string): string => {
  const [first, second] = command.args;
  switch (code) {
    case 'commander.unknownOption':
      return didYouMean(nearestOption(command), command);
    case 'commander.unknownCommand':
    // A group that also does something by itself takes the word for an argument.
    case 'commander.excessArguments':
      return didYouMean(nearestCommand(command, first), command);
    case 'commander.help':
      // The help of all was shown because there is none of this.
      return first !== 'help' || second === undefined
        ? ''
        : `\nerror: unknown command '${second}'\n${didYouMean(nearestCommand(command, second), command)}`;
    default:
      return didYouMean(undefined, command);
  }
};
