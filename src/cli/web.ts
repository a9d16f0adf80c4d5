// depot web passwd, depot web token

import { Command } from 'commander';
import { administerWeb } from './admin-client.ts';
import { print } from './output.ts';
import { readNewPassword } from './secret.ts';
import { homeOption } from './settings.ts';

const passwdCommand = (): Command =>
  new Command('passwd')
    .addHelpText('after', '\nExamples:\n  depot web passwd\n  depot web passwd --home ~/.depot-nas')
    .summary('give the web page a new password')
    .description(
      'Gives the dashboard of a server, or the page of a local or a client, a new password, and prints it. Everybody has to log in again.',
    )
    .addOption(homeOption())
    .option(
      '--password-stdin',
      'take the password from standard input instead of making one; on a terminal it is asked for, and not shown',
    )
    .action(async ({ home, passwordStdin }: { home: string; passwordStdin?: true }) => {
      const given = passwordStdin === true ? await readNewPassword() : undefined;
      const { password } = await administerWeb(home, (administration) => administration.setWebPassword(given));
      if (given === undefined) print(password);
    });

const tokenCommand = (): Command =>
  new Command('token')
    .addHelpText('after', '\nExample:\n  depot web token')
    .summary('make a new token for /metrics')
    .description(
      'Makes a new bearer token with which Prometheus may read /metrics at the web port, and prints it. The one before is good no more.',
    )
    .addOption(homeOption())
    .action(async ({ home }: { home: string }) => {
      print((await administerWeb(home, (administration) => administration.makeMetricsToken())).token);
    });

export const webCommand = (): Command =>
  new Command('web')
    .addHelpText('after', '\nExamples:\n  depot web passwd\n  depot web token')
    .summary('the password of the web page, and the token for its metrics')
    .description('Who may see the web page and the metrics.')
    .addCommand(passwdCommand())
    .addCommand(tokenCommand());
