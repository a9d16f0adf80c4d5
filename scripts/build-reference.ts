// npm run build:reference: writes schema/*.json and docs/configuration.md from the schema of the settings.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './bundle.ts';
import { jsonSchemaOf, renderPage, type Role, ROLES } from './config-reference.ts';

const SCHEMA = path.join(ROOT, 'schema');

mkdirSync(SCHEMA, { recursive: true });
for (const role of Object.keys(ROLES) as Role[])
  writeFileSync(path.join(SCHEMA, `${role}.json`), JSON.stringify(jsonSchemaOf(role), null, 2));
writeFileSync(path.join(ROOT, 'docs', 'configuration.md'), renderPage());
