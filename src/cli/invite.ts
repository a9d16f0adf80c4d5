// depot invite

import { Command } from 'commander';
import { DepotError } from '../errors.ts';
import { administer } from './admin-client.ts';
import { duration } from './format.ts';
import { print } from './output.ts';
import { homeOption } from './settings.ts';

interface InviteOptions {
  readonly home: string;
  readonly user?: string;
}

const invite = async (name: string | undefined, { home, user }: InviteOptions): Promise<void> => {
  if ((name === undefined) === (user === undefined))
    throw new DepotError(
      'invalid-argument',
      'Say who is invited: NAME for a local of that name, or --user USER for a client of that user.',
    );
  const { link, expiresAt } = await administer(home, (administration) =>
    user === undefined ? administration.invite(name ?? '') : administration.inviteClient(user),
  );
  const within = duration(expiresAt - Date.now());
  if (!process.stdout.isTTY) print(link);
  else if (user === undefined)
    print(`On the machine that shall be ${name}, within ${within}:\n\n  depot local '${link}'\n`);
  else print(`On a laptop of ${user}, within ${within}:\n\n  depot client '${link}'\n`);
};

export const inviteCommand = (): Command =>
  new Command('invite')
    .argument('[name]', 'what the new local will be called')
    .description(
      'Prints a link that lets one new local (or, with --user, one new client of that user) join, once, within 24 hours. A local of that name is replaced by whoever uses it; a client is one more device of its user.',
    )
    .option('--user <user>', 'invite a client of this user instead of a local')
    .addOption(homeOption())
    .addHelpText(
      'after',
      '\nExamples:\n  depot invite nas\n  depot invite nas | ssh nas depot local -\n  depot invite --user alice',
    )
    .action(invite);
