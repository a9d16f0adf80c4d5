// depot locals [revoke NAME]

import { Command } from 'commander';
import { administer } from './admin-client.ts';
import { duration } from './format.ts';
import { print, printJson, table } from './output.ts';
import { HOME_FROM_ABOVE, homeOption } from './settings.ts';

const revokeCommand = (): Command =>
  new Command('revoke')
    .addHelpText('after', '\nExample:\n  depot locals revoke nas')
    .argument('<local>', 'the local')
    .summary('forget the key of a local and cut its session at once')
    .description('Forgets the key of a local and cuts its session at once. It can come back only with a new link.')
    .configureHelp(HOME_FROM_ABOVE)
    .action(async (name: string, _options: unknown, command: Command) => {
      // --home is an option of `locals`, wherever it stands.
      const { home } = command.optsWithGlobals<{ home: string }>();
      await administer(home, (administration) => administration.revokeLocal(name));
    });

export const localsCommand = (): Command =>
  new Command('locals')
    .addHelpText('after', '\nExamples:\n  depot locals\n  depot locals --json')
    .description('Lists the locals that have joined. `depot status` shows which are connected.')
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .addCommand(revokeCommand())
    .action(async ({ home, json }: { home: string; json?: true }) => {
      const locals = await administer(home, (administration) => administration.locals());
      if (json === true) printJson(locals);
      else
        print(
          table({
            head: ['LOCAL', 'LAST SEEN', 'KEY'],
            rows: locals.map(({ name, lastSeenAt, fingerprint }) => [
              name,
              `${duration(Date.now() - lastSeenAt)} ago`,
              fingerprint,
            ]),
          }),
        );
    });
