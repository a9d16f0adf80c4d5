// depot reload

import { Command } from 'commander';
import { askRunning } from './admin-client.ts';
import { print, printJson } from './output.ts';
import { homeOption } from './settings.ts';

export const reloadCommand = (): Command =>
  new Command('reload')
    .addHelpText('after', '\nExamples:\n  depot reload\n  depot reload --home ~/.depot-nas --json')
    .description(
      'Has the role that runs with this home read its configuration again, as a change of the file does, and SIGHUP where it runs without a terminal. What is wrong is said, and changes nothing. Streams that new rules forbid end.',
    )
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .action(async ({ home, json }: { home: string; json?: true }) => {
      const reloaded = await askRunning(home, (client) => client.reload());
      const { applied, restart, ended } = reloaded;
      if (json === true) {
        printJson(reloaded);
        return;
      }
      print(applied.length === 0 ? 'nothing has changed since it was read last' : `changed: ${applied.join(', ')}`);
      if (ended > 0) print(`streams that are not allowed any more, and were ended: ${ended}`);
      if (restart.length > 0) print(`needs a restart: ${restart.join(', ')}`);
    });
