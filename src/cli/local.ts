// depot local

import { Command } from 'commander';
import { LocalConfig } from '../config/schema.ts';
import { DepotLocal } from '../local/local.ts';
import { VERSION } from '../version.ts';
import { createLog } from './log.ts';
import { describePage } from './format.ts';
import { print } from './output.ts';
import { untilOver } from './run.ts';
import { givenLink } from './secret.ts';
import { addSettings, type CommonOptions, moreSettings, settingsOf } from './settings.ts';

const COMMON = ['allow', 'webPort', 'logLevel'];

export const localCommand = (): Command =>
  addSettings(new Command('local'), LocalConfig, COMMON)
    .argument(
      '[link]',
      'the join link from `depot invite`, needed once; with - it is read from standard input, or asked for on a terminal and not shown',
    )
    .description('Runs the private side: dials out to the server, and dials the apps that clients ask for.')
    .addHelpText('after', moreSettings('local'))
    .addHelpText(
      'after',
      "\nExamples:\n  depot local 'depot://…'\n  depot local -\n  depot local --allow 192.168.1.0/24:22,80 --allow '*.lan'",
    )
    .action(async (argument: string | undefined, options: CommonOptions & Partial<LocalConfig>) => {
      const link = await givenLink(argument);
      const local = await DepotLocal.start({ ...settingsOf(options), link, env: process.env, log: createLog });
      const { name, server, rules } = local.status();
      print(
        `depot local ${VERSION}\n\n  name    ${name}\n  server  ${server}\n  rules   ${rules.join('  ')}${describePage(local.web, '  page    ')}`,
      );
      local.events.once('connected', (connected) => print(`\nconnected to ${connected.server} as ${connected.name}`));
      process.exitCode = await untilOver(local);
    });
