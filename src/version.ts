// What this is, for hello messages, status and --version.

import manifest from '../package.json' with { type: 'json' };

export const VERSION = manifest.version;
export const SOFTWARE = `depot/${VERSION}`;
