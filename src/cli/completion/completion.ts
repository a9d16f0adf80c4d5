// depot completion SHELL, and what its scripts ask with each press of TAB: depot complete -- WORDS.

import { script } from '@bomb.sh/tab';
import { Argument, Command } from 'commander';
import { createProgram } from '../program.ts';
import { print } from '../output.ts';
import { BASH_SCRIPT } from './bash.ts';
import { runningNames } from './names.ts';
import { suggest } from './suggest.ts';

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'];

export const completionCommand = (): Command =>
  new Command('completion')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .description(
      'Prints a script that lets the shell complete commands, options and, while a server runs, the names of its users, locals and clients.',
    )
    .addHelpText(
      'after',
      `
Examples:
  depot completion bash > ~/.local/share/bash-completion/completions/depot
  depot completion zsh > "\${fpath[1]}/_depot"
  depot completion fish > ~/.config/fish/completions/depot.fish
  depot completion powershell >> $PROFILE`,
    )
    .action((shell: string) => {
      if (shell === 'bash') process.stdout.write(BASH_SCRIPT);
      else script(shell, 'depot', 'depot');
    });

/** For scripts: a value and what it is on each line, and at the end what else the shell may do. */
export const completeCommand = (): Command =>
  new Command('complete').argument('[words...]').action(async (words: readonly string[]) => {
    const program = await createProgram(words);
    const { suggestions, directive } = await suggest(program, words, runningNames(words, process.env));
    for (const { value, description } of suggestions) print(`${value}\t${description.replaceAll(/\s+/g, ' ')}`);
    print(`:${directive}`);
  });
