// depot config check | show: the settings of a role as it would find them, without running it.

import { Command } from 'commander';
import type { z } from 'zod';
import { Home } from '../config/home.ts';
import { explainConfig, type Setting } from '../config/load.ts';
import { ClientConfig, LocalConfig, ServerConfig } from '../config/schema.ts';
import { print, printJson, table } from './output.ts';
import { addSettings, type CommonOptions, settingsOf } from './settings.ts';

const ROLES: Readonly<Record<string, z.ZodObject>> = { server: ServerConfig, local: LocalConfig, client: ClientConfig };

/** No setting is a secret: keys and passwords lie in files and in the database. */
const explain = (role: string, options: CommonOptions): Promise<Setting[]> => {
  const { home, configFile, ...flags } = settingsOf(options);
  return explainConfig(ROLES[role] as z.ZodObject, {
    flags,
    env: process.env,
    ...Home.at(home).configFiles(configFile),
  });
};

const show = (settings: readonly Setting[]): string =>
  table({
    head: ['SETTING', 'FROM', 'VALUE'],
    rows: settings.map(({ key, value, from }) => [
      key,
      from ?? 'default',
      value === undefined ? '-' : typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  });

const checkCommands = (): Command[] =>
  Object.entries(ROLES).map(([role, schema]) =>
    addSettings(new Command(role), schema, [])
      .description(`Says what is wrong with the configuration of a ${role}, or nothing.`)
      .addHelpText('after', `\nExample:\n  depot config check ${role}`)
      .action(async (options: CommonOptions) => void (await explain(role, options))),
  );

const showCommands = (): Command[] =>
  Object.entries(ROLES).map(([role, schema]) =>
    addSettings(new Command(role), schema, [])
      .description(`Shows every setting of a ${role} and where it came from. Takes the flags of depot ${role}.`)
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  depot config show ${role} --json`)
      .action(async ({ json, ...options }: CommonOptions & { json?: true }) => {
        const settings = await explain(role, options);
        if (json === true) printJson(settings);
        else print(show(settings));
      }),
  );

const part = (name: string, summary: string, description: string, commands: readonly Command[]): Command => {
  const command = new Command(name)
    .summary(summary)
    .description(description)
    .addHelpText('after', `\nExample:\n  depot config ${name} server`);
  for (const one of commands) command.addCommand(one.summary(`of a ${one.name()}`));
  return command;
};

export const configCommand = (): Command =>
  new Command('config')
    .description('The settings of a role as it would find them: flag, then variable, then file, then default.')
    .addHelpText(
      'after',
      '\nExamples:\n  depot config check server && systemctl restart depot-server\n  depot config show local --home ~/.depot-nas\n  depot config show server --json',
    )
    .addCommand(
      part(
        'check',
        'say what is wrong, and nothing where all is well',
        'Says what is wrong, and nothing where all is well.',
        checkCommands(),
      ),
    )
    .addCommand(
      part(
        'show',
        'show what is in force, and where each setting came from',
        'Shows what is in force, and where each setting came from.',
        showCommands(),
      ),
    );
