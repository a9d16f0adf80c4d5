// depot user add | set | show | passwd | remove | list

import { Command } from 'commander';
import type { Administration } from '../watch/admin-api.ts';
import { administer } from './admin-client.ts';
import { addLimits, describeUser, type LimitOptions, limitsOf } from './limits.ts';
import { print, printJson, table } from './output.ts';
import { readNewPassword } from './secret.ts';
import { homeOption } from './settings.ts';

interface PasswordOptions {
  readonly home: string;
  readonly passwordStdin?: true;
}

const givenPassword = async ({ passwordStdin }: PasswordOptions): Promise<string | undefined> =>
  passwordStdin === true ? readNewPassword() : undefined;

/** A generated password is printed, alone where nobody reads along; one that was given is not repeated. */
const tell = (name: string, given: string | undefined, generated: string): void => {
  if (given !== undefined) {
    if (process.stdout.isTTY) print(`${name} has the given password now.`);
  } else print(process.stdout.isTTY ? `user      ${name}\npassword  ${generated}` : generated);
};

const passwordCommand = (name: string, summary: string, description: string): Command =>
  new Command(name)
    .addHelpText(
      'after',
      `\nExamples:\n  depot user ${name} alice\n  pass show depot | depot user ${name} alice --password-stdin`,
    )
    .argument('<user>', 'the user')
    .summary(summary)
    .description(description)
    .addOption(homeOption())
    .option(
      '--password-stdin',
      'take the password from standard input instead of making one; on a terminal it is asked for, and not shown',
    );

const addCommand = (): Command =>
  addLimits(
    passwordCommand(
      'add',
      'add a user, with a generated password unless one is given',
      'Adds a user, with a generated password unless one is given, and prints that.',
    ),
  ).action(async (name: string, options: PasswordOptions & LimitOptions) => {
    const given = await givenPassword(options);
    const user = { ...limitsOf(options), name, password: given };
    const { password } = await administer(options.home, (administration) => administration.addUser(user));
    tell(name, given, password);
  });

const setCommand = (): Command =>
  addLimits(
    new Command('set')
      .addHelpText('after', '\nExample:\n  depot user set alice --allow nas.depot:80,443 --max-streams 20')
      .argument('<user>', 'the user')
      .summary('change what a user may do')
      .description(
        'Changes what is named and leaves the rest. Rules that are given replace those there were. Running streams that are forbidden then end at once.',
      )
      .addOption(homeOption()),
  ).action(async (name: string, options: LimitOptions & { home: string }) => {
    const user = await administer(options.home, (administration) => administration.setUser(name, limitsOf(options)));
    if (process.stdout.isTTY) print(describeUser(user));
  });

const showCommand = (): Command =>
  new Command('show')
    .addHelpText('after', '\nExample:\n  depot user show alice')
    .argument('<user>', 'the user')
    .summary('show what a user may do, and what it has used this month')
    .description('Shows what a user may do, and what it has used this month.')
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .action(async (name: string, { home, json }: { home: string; json?: true }) => {
      const user = await administer(home, (administration) => administration.user(name));
      if (json === true) printJson(user);
      else print(describeUser(user));
    });

const passwdCommand = (): Command =>
  passwordCommand(
    'passwd',
    'give a user a new password',
    'Gives a user a new password, a generated one unless one is given, and prints that.',
  ).action(async (name: string, options: PasswordOptions) => {
    const given = await givenPassword(options);
    const { password } = await administer(options.home, (administration) => administration.setPassword(name, given));
    tell(name, given, password);
  });

const removeCommand = (): Command =>
  new Command('remove')
    .addHelpText('after', '\nExample:\n  depot user remove alice')
    .argument('<user>', 'the user')
    .summary('remove a user and end its streams')
    .description('Removes a user and ends its streams.')
    .addOption(homeOption())
    .action(async (name: string, { home }: { home: string }) => {
      await administer(home, (administration: Administration) => administration.removeUser(name));
    });

const listCommand = (): Command =>
  new Command('list')
    .addHelpText('after', '\nExamples:\n  depot user list\n  depot user list --json')
    .summary('list the users')
    .description('Lists the users.')
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .action(async ({ home, json }: { home: string; json?: true }) => {
      const users = await administer(home, (administration) => administration.users());
      if (json === true) printJson(users);
      else
        print(
          table({
            head: ['USER', 'LOCALS', 'SINCE'],
            rows: users.map(({ name, locals, createdAt }) => [
              name,
              locals.join(',') || 'all',
              new Date(createdAt).toISOString().slice(0, 10),
            ]),
          }),
        );
    });

export const userCommand = (): Command =>
  new Command('user')
    .description('Users: who may come in, with which password, to what, how much and until when.')
    .addHelpText(
      'after',
      '\nExamples:\n  depot user add alice --locals nas,office\n  depot user set alice --allow nas.depot:80,443 --max-streams 20 --rate 2M\n  pass show depot | depot user add bob --password-stdin',
    )
    .addCommand(addCommand())
    .addCommand(setCommand())
    .addCommand(showCommand())
    .addCommand(passwdCommand())
    .addCommand(removeCommand())
    .addCommand(listCommand());
