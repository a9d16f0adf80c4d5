// depot invite

import { Command } from 'commander';
import { administer } from './admin-client.ts';
import { duration, print } from './output.ts';
import { homeOption } from './settings.ts';

export const inviteCommand = (): Command =>
  new Command('invite')
    .argument('<name>', 'what the new local will be called')
    .summary('make a join link for a new local')
    .description(
      'Prints a link that lets one new local join, once, within 24 hours. A local of that name is replaced by whoever uses it.',
    )
    .addOption(homeOption())
    .addHelpText('after', '\nExample:\n  depot invite nas\n  ssh nas depot local "\'$(depot invite nas)\'"')
    .action(async (name: string, { home }: { home: string }) => {
      const { link, expiresAt } = await administer(home, (administration) => administration.invite(name));
      if (!process.stdout.isTTY) print(link);
      else
        print(
          `On the machine that shall be ${name}, within ${duration(expiresAt - Date.now())}:\n\n  depot local '${link}'\n`,
        );
    });
