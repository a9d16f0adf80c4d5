// The man page, from the same commands as --help. Pure: commander's tree in, roff (man(7)) out.

import type { Command, Help } from 'commander';

/** Text as roff shows it: no backslash does anything, and no line begins with a request. */
const escape = (text: string): string =>
  text
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll(/^(?=[.'])/gm, String.raw`\&`);

/** What stands under Examples in --help; commander gives that away only by printing it. */
const examplesOf = (command: Command): string[] => {
  let help = '';
  command
    .configureOutput({
      writeOut: (text) => {
        help += text;
      },
    })
    .outputHelp();
  const [, examples = ''] = help.split(/^Examples?:\n/m);
  return examples.split('\n').flatMap((line) => line.trim() || []);
};

const tagged = (term: string, text: string): string => `.TP\n.B ${escape(term)}\n${escape(text)}`;

const sectionOf = (command: Command, help: Help): string[] => {
  const examples = examplesOf(command);
  return [
    `.SS ${escape(help.commandUsage(command))}`,
    escape(help.commandDescription(command)),
    ...help.visibleArguments(command).map((argument) => tagged(argument.name(), argument.description)),
    ...help.visibleOptions(command).map((option) => tagged(option.flags, help.optionDescription(option))),
    ...(examples.length === 0 ? [] : ['.PP', '.EX', ...examples.map(escape), '.EE']),
  ];
};

/** All commands below this one that have something to say, in the order of --help. */
export const commandsBelow = (command: Command): Command[] =>
  command.commands.flatMap((below) => [below, ...commandsBelow(below)]);

const FILES = [
  tagged('~/.depot', 'the home of a role: config.json or config.yaml, its key, its state and its admin socket'),
  tagged('~/.cache/depot', 'compiled code; may be removed at any time'),
];
const ENVIRONMENT = [
  tagged('DEPOT_HOME', 'the home, where --home does not say'),
  tagged('DEPOT_…', 'every setting: DEPOT_SOCKS_PORT for socksPort'),
  tagged('NO_COLOR', 'no colours, where it is set and not empty'),
  tagged(
    'FORCE_COLOR',
    '1: colours also where standard output is no terminal; 0: none at all; counts more than NO_COLOR',
  ),
];
const EXIT = [tagged('0', 'done'), tagged('1', 'failed'), tagged('2', 'wrong usage'), tagged('130', 'interrupted')];

export const renderManPage = (program: Command, version: string): string => {
  const help = program.createHelp();
  const lines = [
    `.TH DEPOT 1 "" "depot ${escape(version)}"`,
    '.SH NAME',
    String.raw`depot \- a reverse SOCKS5 gateway`,
    '.SH SYNOPSIS',
    '.B depot',
    '.I command',
    escape('[options]'),
    '.SH DESCRIPTION',
    escape(help.commandDescription(program)),
    escape('Settings that are not shown here are in the page of all settings: docs/configuration.md of the project.'),
    '.SH COMMANDS',
    ...commandsBelow(program).flatMap((command) => sectionOf(command, help)),
    '.SH FILES',
    ...FILES,
    '.SH ENVIRONMENT',
    ...ENVIRONMENT,
    '.SH EXIT STATUS',
    ...EXIT,
  ];
  return `${lines.join('\n')}\n`;
};
