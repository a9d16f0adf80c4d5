// depot clients [revoke USER/DEVICE]

import { Command } from 'commander';
import { DepotError } from '../errors.ts';
import { administer } from './admin-client.ts';
import { duration } from './format.ts';
import { print, printJson, table } from './output.ts';
import { HOME_FROM_ABOVE, homeOption } from './settings.ts';

const splitTitle = (title: string): readonly [user: string, device: string] => {
  const [user = '', device = '', ...rest] = title.split('/');
  if (user === '' || device === '' || rest.length > 0)
    throw new DepotError(
      'invalid-argument',
      `"${title}" names no client: USER/DEVICE is expected, as \`depot clients\` lists them.`,
    );
  return [user, device];
};

const revokeCommand = (): Command =>
  new Command('revoke')
    .addHelpText('after', '\nExample:\n  depot clients revoke alice/laptop')
    .argument('<user/device>', 'the client, as `depot clients` lists it')
    .summary('forget the key of a client and cut its session at once')
    .description('Forgets the key of a client and cuts its session at once. It can come back only with a new link.')
    .configureHelp(HOME_FROM_ABOVE)
    .action(async (title: string, _options: unknown, command: Command) => {
      // --home is an option of `clients`, wherever it stands.
      const { home } = command.optsWithGlobals<{ home: string }>();
      const [user, device] = splitTitle(title);
      await administer(home, (administration) => administration.revokeClient(user, device));
    });

export const clientsCommand = (): Command =>
  new Command('clients')
    .addHelpText('after', '\nExamples:\n  depot clients\n  depot clients --json')
    .description(
      "Lists the users' devices that have joined with `depot client`. `depot status` shows which are connected.",
    )
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .addCommand(revokeCommand())
    .action(async ({ home, json }: { home: string; json?: true }) => {
      const clients = await administer(home, (administration) => administration.clients());
      if (json === true) printJson(clients);
      else
        print(
          table({
            head: ['CLIENT', 'LAST SEEN', 'KEY'],
            rows: clients.map(({ user, device, lastSeenAt, fingerprint }) => [
              `${user}/${device}`,
              `${duration(Date.now() - lastSeenAt)} ago`,
              fingerprint,
            ]),
          }),
        );
    });
