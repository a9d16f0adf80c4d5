// The settings of a role as flags of its command, made from the schema.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import { Home } from '../config/home.ts';
import { flagOf, kindOf } from '../config/load.ts';

const integer = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('A whole number is expected.');
  return Number(text);
};

/** As a flag would say it; nothing where that says nothing. */
const defaultOf = (schema: z.core.$ZodType): string => {
  const { def } = schema._zod;
  const value = 'defaultValue' in def ? def.defaultValue : undefined;
  return typeof value === 'number' || typeof value === 'string' ? ` (default: ${value})` : '';
};

const collect = (text: string, earlier: readonly string[] | undefined): string[] => [...(earlier ?? []), text];

/** Undefined for what only the file can say. */
const optionOf = (
  key: string,
  schema: z.core.$ZodType & { readonly description?: string | undefined },
): Option | undefined => {
  const flag = flagOf(key);
  const description = `${schema.description ?? ''}${defaultOf(schema)}`;
  switch (kindOf(schema)) {
    case 'boolean':
      return new Option(flag, description);
    case 'number':
      return new Option(`${flag} <n>`, description).argParser(integer);
    case 'list':
      return new Option(`${flag} <item>`, description).argParser(collect);
    case 'object':
      return undefined;
    case 'text':
      return new Option(`${flag} <value>`, description);
  }
};

const HOME_FLAG = '--home';

/** Every home-bound command has it. */
export const homeOption = (): Option =>
  new Option(`${HOME_FLAG} <dir>`, 'where everything of this role is kept')
    .env('DEPOT_HOME')
    .default(Home.default(), '~/.depot');

/** Adds a flag for every setting; `common` ones are shown in the help, the others are there all the same. */
export const addSettings = (command: Command, schema: z.ZodObject, common: readonly string[]): Command => {
  command
    .addOption(homeOption())
    .option('--config <file>', 'configuration file, JSON or YAML (default: config.json or config.yaml in the home)');
  for (const [key, field] of Object.entries(schema.shape)) {
    const option = optionOf(key, field as z.core.$ZodType & { readonly description?: string });
    if (option !== undefined) command.addOption(common.includes(key) ? option : option.hideHelp());
  }
  return command;
};

/** Where to see the settings that the help of this role does not show. */
export const moreSettings = (role: string): string =>
  `\nThere are more settings: depot config show ${role} lists them,\ndocs/configuration.md says what they do.`;

/** For a command below one that has `--home`: that option is shown, and no other of those above. */
export const HOME_FROM_ABOVE = {
  showGlobalOptions: true,
  visibleGlobalOptions: ({ parent }: Command): Option[] =>
    parent?.options.filter(({ long }) => long === HOME_FLAG) ?? [],
};

export interface CommonOptions {
  readonly home: string;
  readonly config?: string;
}

/** What the command line said of settings, without the flags that are none. */
export const settingsOf = <T extends CommonOptions>({
  home,
  config,
  ...flags
}: T): { home: string; configFile: string | undefined } & Omit<T, 'home' | 'config'> => ({
  ...flags,
  home,
  configFile: config,
});
