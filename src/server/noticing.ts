// Where the server's notices go, by its settings.

import { readFileSync } from 'node:fs';
import type { ServerConfig } from '../config/schema.ts';
import { DepotError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { Notices } from '../watch/notices.ts';

/** Undefined where nobody is to be told. Throws `invalid-config`. */
export const createNotices = (config: ServerConfig, log: Log): Notices | undefined => {
  const { webhookUrl: url, webhookSecretFile: file } = config;
  if (url === undefined) return undefined;
  const secret = file === undefined ? undefined : secretIn(file);
  return new Notices({ url, secret, afterMs: () => config.webhookAfterMs, log });
};

const secretIn = (file: string): string => {
  try {
    const secret = readFileSync(file, 'utf8').trim();
    if (secret !== '') return secret;
  } catch (cause) {
    throw new DepotError('invalid-config', `Cannot read ${file} (--webhook-secret-file): ${messageOf(cause)}.`, {
      cause,
    });
  }
  throw new DepotError('invalid-config', `${file} (--webhook-secret-file) is empty; it has to hold the secret.`);
};
