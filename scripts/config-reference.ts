// The published description of the settings, made from their schema: a JSON Schema for editors, and a page for people.

import { z } from 'zod';
import { flagOf, kindOf, variableOf } from '../src/config/load.ts';
import { ClientConfig, LocalConfig, needsRestart, ServerConfig } from '../src/config/schema.ts';

export const ROLES = { server: ServerConfig, local: LocalConfig, client: ClientConfig } as const;
export type Role = keyof typeof ROLES;

/** JSON Schema of the configuration file of a role, as it may be written. */
export const jsonSchemaOf = (role: Role): Record<string, unknown> => {
  // What a schema checks with code of its own (rules, networks) is left open here, and refused when it is loaded.
  const schema = z.toJSONSchema(ROLES[role], { io: 'input', unrepresentable: 'any' });
  return {
    ...schema,
    title: `Configuration of depot ${role}`,
    properties: { '$schema': { type: 'string' }, ...schema.properties },
  };
};

interface Property {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

const inCode = (value: unknown): string => `\`${JSON.stringify(value)}\``;

/** Whole numbers without a limit of their own end where JSON's do; that tells nobody anything. */
const rangeOf = ({ minimum, maximum }: Property): string => {
  const from = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? '' : ` from ${minimum}`;
  return `${from}${maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? '' : ` to ${maximum}`}`;
};

const typeOf = (property: Property): string =>
  property.enum === undefined ? `${property.type ?? 'text'}${rangeOf(property)}` : property.enum.map(inCode).join(', ');

const rowOf = (role: Role, key: string, property: Property): string => {
  const field = ROLES[role].shape[key as keyof (typeof ROLES)[Role]['shape']] as z.ZodType;
  const fileOnly = kindOf(field) === 'object';
  const names = fileOnly ? 'file only' : `\`${flagOf(key)}\`, \`${variableOf(key)}\``;
  const byDefault = property.default === undefined ? '–' : inCode(property.default);
  const cells = [
    `\`${key}\``,
    property.description ?? '',
    typeOf(property),
    byDefault,
    needsRestart(field) ? 'restart' : 'reload',
    names,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
};

const sectionOf = (role: Role): string => {
  const properties = Object.entries(jsonSchemaOf(role)['properties'] as Record<string, Property>);
  const rows = properties.filter(([key]) => key !== '$schema').map(([key, property]) => rowOf(role, key, property));
  return `## depot ${role}\n\n| key | meaning | type | default | changed by | flag, variable |\n| --- | --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
};

const HEAD = `# Configuration

This page is made from the schema of the settings by \`npm run build:reference\`; do not edit it.

Settings come from flags, \`DEPOT_…\` variables and the file \`config.json\` or \`config.yaml\` in the home (or the one that \`--config\` names), in this order; what nobody said has its default. An unknown key is an error. Units are in the names: \`…Ms\` are milliseconds, \`…Bytes\` bytes. In a variable, the items of a list are separated by spaces.

What a reload changes (\`depot reload\`, SIGHUP without a terminal, or a change of the file) says \`reload\` in the tables below; it counts for whatever is decided from then on, and connections and streams that stand stay, unless the new settings forbid them. What says \`restart\` is bound to ports, files and connections that are made once: a reload names it, in its answer and in the log, and it counts after a restart, or \`depot upgrade\`. Nothing is passed over in silence.

\`depot config show server\` shows what is in force and where each setting came from, \`depot config check server\` says what is wrong; both take the flags of the role, and \`local\` and \`client\` as well.

The package has JSON Schemas in \`schema/\`, for editors:

    { "$schema": "./node_modules/depot-socks/schema/server.json", "advertise": "vps.example" }

The same in YAML, in \`config.yaml\` (\`config.yml\` does too); other files are YAML by their name:

    # yaml-language-server: $schema=./node_modules/depot-socks/schema/server.json
    advertise: vps.example
    rules:
      - deny *:25
      - allow *

It is YAML 1.2: only \`true\` and \`false\` are booleans, \`no\` and \`on\` are texts. Errors name line and column. A home with both \`config.json\` and \`config.yaml\` is refused.
`;

export const renderPage = (): string => [HEAD, ...(Object.keys(ROLES) as Role[]).map(sectionOf)].join('\n');
