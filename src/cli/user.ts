// depot user add | passwd | remove | list

import { Command } from 'commander';
import { DepotError } from '../errors.ts';
import type { Administration } from '../watch/admin-api.ts';
import { administer } from './admin-client.ts';
import { print, printJson, readStdin, table } from './output.ts';
import { homeOption } from './settings.ts';

interface PasswordOptions {
  readonly home: string;
  readonly passwordStdin?: true;
}

const commaList = (text: string): string[] => text.split(',').map((name) => name.trim());

const givenPassword = async ({ passwordStdin }: PasswordOptions): Promise<string | undefined> => {
  if (passwordStdin !== true) return undefined;
  const password = await readStdin();
  if (password === '')
    throw new DepotError('invalid-argument', 'Standard input was empty, a password was expected there.');
  return password;
};

/** A generated password is printed, alone where nobody reads along; one that was given is not repeated. */
const tell = (name: string, given: string | undefined, generated: string): void => {
  if (given !== undefined) {
    if (process.stdout.isTTY) print(`${name} has the given password now.`);
  } else print(process.stdout.isTTY ? `user      ${name}\npassword  ${generated}` : generated);
};

const passwordCommand = (name: string, summary: string): Command =>
  new Command(name)
    .argument('<name>', 'the user')
    .summary(summary)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    .addOption(homeOption())
    .option('--password-stdin', 'take the password from standard input instead of making one');

const addCommand = (): Command =>
  passwordCommand('add', 'add a user, with a generated password unless one is given')
    .option(
      '--locals <names>',
      'the locals that this user may use, in order of preference, separated by commas (default: all)',
      commaList,
    )
    .action(async (name: string, options: PasswordOptions & { locals?: string[] }) => {
      const given = await givenPassword(options);
      const user = { name, password: given, locals: options.locals ?? [] };
      const { password } = await administer(options.home, (administration) => administration.addUser(user));
      tell(name, given, password);
    });

const passwdCommand = (): Command =>
  passwordCommand('passwd', 'give a user a new password').action(async (name: string, options: PasswordOptions) => {
    const given = await givenPassword(options);
    const { password } = await administer(options.home, (administration) => administration.setPassword(name, given));
    tell(name, given, password);
  });

const removeCommand = (): Command =>
  new Command('remove')
    .argument('<name>', 'the user')
    .summary('remove a user and end its streams')
    .description('Removes a user and ends its streams.')
    .addOption(homeOption())
    .action(async (name: string, { home }: { home: string }) => {
      await administer(home, (administration: Administration) => administration.removeUser(name));
    });

const listCommand = (): Command =>
  new Command('list')
    .summary('list the users')
    .description('Lists the users.')
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .action(async ({ home, json }: { home: string; json?: true }) => {
      const users = await administer(home, (administration) => administration.users());
      if (json === true) printJson(users);
      else
        print(
          table(
            ['USER', 'LOCALS', 'SINCE'],
            users.map(({ name, locals, createdAt }) => [
              name,
              locals.join(',') || 'all',
              new Date(createdAt).toISOString().slice(0, 10),
            ]),
          ),
        );
    });

export const userCommand = (): Command =>
  new Command('user')
    .summary('add, list, change and remove users')
    .description('Users: who may come in, with which password, and to which locals.')
    .addHelpText(
      'after',
      '\nExamples:\n  depot user add alice --locals nas,office\n  pass show depot | depot user add bob --password-stdin',
    )
    .addCommand(addCommand())
    .addCommand(passwdCommand())
    .addCommand(removeCommand())
    .addCommand(listCommand());
