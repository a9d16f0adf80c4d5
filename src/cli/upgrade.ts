// depot upgrade

import { Command } from 'commander';
import { askRunning } from './admin-client.ts';
import { print, printJson } from './output.ts';
import { homeOption } from './settings.ts';

export const upgradeCommand = (): Command =>
  new Command('upgrade')
    .description(
      'Has the server that runs with this home replaced by a new process of what is installed now, with the same arguments. Nobody is refused: the new process takes the ports over, locals come to it, and the old one carries its streams to their end, for 30 s at most. Where the new process does not start, or dies before it serves, the old one goes on. Downloads nothing: install the new version first.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  depot upgrade\n  npm install --global depot-socks && sudo depot upgrade --home /var/lib/depot-server',
    )
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .action(async ({ home, json }: { home: string; json?: true }) => {
      const upgraded = await askRunning(home, (client) => client.upgrade());
      if (json === true) {
        printJson(upgraded);
        return;
      }
      const { pid, version, streams } = upgraded;
      print(`depot ${version} has taken over as process ${pid}`);
      if (streams > 0) print(`the process before carries ${streams} streams to their end`);
    });
