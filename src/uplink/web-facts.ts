// Who may see the web page of a local or a client: digests, in a private file of the home.

import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Home } from '../config/home.ts';
import { type Facts, makeMetricsToken, setWebPassword } from '../credentials/web-access.ts';
import { DepotError, messageOf } from '../errors.ts';
import type { WebAdministration } from '../watch/admin-api.ts';

const Kept = z.record(z.string(), z.string());

/** Throws `unusable-home` where the file is damaged. */
export const webFactsOf = (home: Home): Facts => {
  let kept = load(home.webFile);
  return {
    fact: (name) => kept[name],
    setFact: (name, value) => {
      const next = { ...kept, [name]: value };
      home.write(home.webFile, `${JSON.stringify(next, null, 2)}\n`);
      kept = next;
    },
  };
};

const load = (file: string): z.output<typeof Kept> => {
  if (!existsSync(file)) return {};
  try {
    return Kept.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new DepotError(
      'unusable-home',
      `${file} is damaged: ${messageOf(cause)}. Remove it; the next start makes a new password for the web page.`,
      { cause },
    );
  }
};

/** `onPassword` is called when there is a new one. */
export const webAdministrationOf = (facts: Facts, onPassword?: () => void): WebAdministration => ({
  setWebPassword: async (password) => {
    const made = await setWebPassword(facts, password);
    onPassword?.();
    return made;
  },
  makeMetricsToken: async () => makeMetricsToken(facts),
});
