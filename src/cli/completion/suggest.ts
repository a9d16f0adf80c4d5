// What may come next on a command line, from the commands themselves. Knows no shell; whoever asks says which names exist.

import type { Command, Option } from 'commander';

/** What a shell is told to do besides; the numbers are those that the scripts of many programs know (cobra's). */
const Directive = { files: 0, nothing: 4, directories: 16 } as const;
type Directive = (typeof Directive)[keyof typeof Directive];

interface Suggestion {
  readonly value: string;
  readonly description: string;
}

export interface Suggestions {
  readonly suggestions: readonly Suggestion[];
  readonly directive: Directive;
}

/** What kind of value is wanted: the name between the brackets of an option or an argument, such as `user`. */
export type NamesOf = (kind: string) => Promise<readonly string[]>;

/** What else is not worth a look into the directory. */
const NO_FILES = new Set([
  'n',
  'name',
  'names',
  'link',
  'target',
  'id',
  'rule',
  'bytes',
  'date',
  'networks',
  'address',
]);
/** Names of others are never more than this, so that no shell takes them for something to run. */
const HARMLESS = /^[\w.@/=-]+$/;

const optionsOf = (command: Command): Option[] => {
  const visible = command.createHelp().visibleOptions(command);
  const inherited = command.parent?.options.filter(({ long }) => long === '--home') ?? [];
  return [...new Set([...visible, ...command.options, ...inherited])];
};

const kindOf = ({ flags }: Option): string => /[<[](.+?)(?:\.\.\.)?[>\]]/.exec(flags)?.[1] ?? '';

/** The command line up to the word that is being written. */
interface Place {
  readonly command: Command;
  /** The option whose value is being written. */
  readonly option: Option | undefined;
  /** How many arguments of the command there are already. */
  readonly argumentsBefore: number;
  /** After `--` nothing is an option. */
  readonly isLiteral: boolean;
}

const step = (place: Place, word: string): Place => {
  const { command, option, argumentsBefore, isLiteral } = place;
  if (option !== undefined) return { ...place, option: undefined };
  if (word === '--') return { ...place, isLiteral: true };
  if (!isLiteral && word.startsWith('-')) {
    const found = optionsOf(command).find(({ long, short }) => word === long || word === short);
    return found?.required === true ? { ...place, option: found } : place;
  }
  const below = argumentsBefore === 0 ? command.commands.find((one) => one.name() === word) : undefined;
  if (below !== undefined) return { ...place, command: below };
  return word === 'help' && command.parent === null ? place : { ...place, argumentsBefore: argumentsBefore + 1 };
};

const nothing: Suggestions = { suggestions: [], directive: Directive.nothing };
const plain = (values: readonly string[]): Suggestions => ({
  suggestions: values.map((value) => ({ value, description: '' })),
  directive: Directive.nothing,
});

const valuesOf = async (
  kind: string,
  choices: readonly string[] | undefined,
  namesOf: NamesOf,
): Promise<Suggestions> => {
  if (choices !== undefined) return plain(choices);
  if (kind === 'dir') return { suggestions: [], directive: Directive.directories };
  const names = await namesOf(kind);
  if (names.length > 0 || NO_FILES.has(kind)) return plain(names);
  return { suggestions: [], directive: Directive.files };
};

/** Settings that --help does not show come only once more than the dashes was written. */
const optionsAt = ({ command }: Place, word: string): Suggestions => ({
  suggestions: optionsOf(command)
    .filter(({ hidden }) => !hidden || word.length > 2)
    .flatMap(({ long, description }) => (long == null ? [] : { value: long, description })),
  directive: Directive.nothing,
});

const wordsAt = async ({ command, argumentsBefore }: Place, namesOf: NamesOf): Promise<Suggestions> => {
  const commands = argumentsBefore === 0 ? command.createHelp().visibleCommands(command) : [];
  const below = commands.map((one) => ({ value: one.name(), description: one.summary() || one.description() }));
  const argument = command.registeredArguments[argumentsBefore];
  if (argument === undefined) return { ...nothing, suggestions: below };
  const { suggestions, directive } = await valuesOf(argument.name(), argument.argChoices, namesOf);
  return { suggestions: [...below, ...suggestions], directive };
};

const candidates = (place: Place, word: string, namesOf: NamesOf): Promise<Suggestions> | Suggestions => {
  if (place.option !== undefined) return valuesOf(kindOf(place.option), place.option.argChoices, namesOf);
  return word.startsWith('-') && !place.isLiteral ? optionsAt(place, word) : wordsAt(place, namesOf);
};

/** `words` are those after the program's name; the last one is being written, and may be empty. */
export const suggest = async (program: Command, words: readonly string[], namesOf: NamesOf): Promise<Suggestions> => {
  const start: Place = { command: program, option: undefined, argumentsBefore: 0, isLiteral: false };
  const place = words.slice(0, -1).reduce(step, start);
  const written = words.at(-1) ?? '';
  const [, flag] = (place.isLiteral || place.option !== undefined ? null : /^(--[\w-]+=)/.exec(written)) ?? [];
  // `--user=al` is the option before, and what follows it; scripts put the option back.
  const at = flag === undefined ? place : step(place, flag.slice(0, -1));
  const rest = written.slice(flag?.length ?? 0);
  const { suggestions, directive } = await candidates(at, rest, namesOf);
  return {
    directive,
    suggestions: suggestions.filter(({ value }) => value.startsWith(rest) && HARMLESS.test(value)),
  };
};
