// What this is, for hello messages, status and --version.

import { createRequire } from 'node:module';

const manifest = createRequire(import.meta.url)('../package.json') as { readonly version: string };

export const VERSION = manifest.version;
export const SOFTWARE = `depot/${VERSION}`;
