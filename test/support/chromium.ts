// Debian's Chromium, driven as a person would drive it.

import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Depot } from './depot.ts';

/** `--no-sandbox`: in containers there is none to be had. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });

/** What a page has complained about. A page that is right has nothing to complain about. */
export const complaintsOf = (page: Page): string[] => {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A 401 is how the page learns that nobody is logged in.
    if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text());
  });
  return complaints;
};

/** A page that is logged in and shows what goes on. */
export const openDashboard = async (
  browser: Browser,
  depot: Depot,
  options: BrowserContextOptions = {},
): Promise<Page> => {
  const { url, password } = depot.server.web ?? { url: '', password: '' };
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByLabel('Password of the dashboard').fill(password ?? '');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('live', { exact: true }).waitFor();
  return page;
};
