// depot backup FILE

import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { Home } from '../config/home.ts';
import { DepotError } from '../errors.ts';
import { homeOption } from './settings.ts';

export const backupCommand = (): Command =>
  new Command('backup')
    .addHelpText('after', '\nExample:\n  depot backup /var/backups/depot.db')
    .argument('<file>', 'where the copy goes; it must not be there yet')
    .description(
      "Copies a server's database (users, locals, clients, invitations, usage) while it runs or not. To restore, stop the server and put the copy in its home as depot.db, without depot.db-wal and depot.db-shm. The key of the server is key.pem in its home: keep a copy of that, too.",
    )
    .addOption(homeOption())
    .action(async (file: string, options: { home: string }) => {
      const home = Home.at(options.home);
      if (!existsSync(home.databaseFile))
        throw new DepotError(
          'not-found',
          `${home.directory} is not the home of a server. Name its home with --home DIR.`,
        );
      const { backUp } = await import('../store/backup.ts');
      await backUp(home.databaseFile, file);
    });
