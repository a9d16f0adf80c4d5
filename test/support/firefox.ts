// Debian's Firefox, without a window, with a profile of its own that is gone at the end.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { tempDir } from './depot.ts';
import { Program } from './programs.ts';

export type Preferences = Readonly<Record<string, string | number | boolean>>;

/** A new profile, and nothing that it would do beside what it is told. */
const QUIET: Preferences = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.enabled': false,
};

/** Opens one page for as long as the scope lasts. */
export const openFirefox = (url: string, preferences: Preferences): AsyncDisposable => {
  const home = tempDir();
  const profile = path.join(home.path, 'profile');
  mkdirSync(profile);
  const lines = Object.entries({ ...QUIET, ...preferences }).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
  );
  writeFileSync(path.join(profile, 'user.js'), `${lines.join('\n')}\n`);
  const env = { HOME: home.path, MOZ_CRASHREPORTER_DISABLE: '1' };
  const firefox = new Program('firefox-esr', ['--headless', '--no-remote', '--profile', profile, url], { env });
  return {
    async [Symbol.asyncDispose]() {
      await firefox.stop('SIGTERM');
      home[Symbol.dispose]();
    },
  };
};
