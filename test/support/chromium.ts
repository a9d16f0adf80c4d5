// Debian's Chromium, driven as a person would drive it.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

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

/** A page of this role that is logged in and shows what goes on. */
export const openPage = async (
  browser: Browser,
  { web }: { readonly web: { readonly url: string; readonly password: string | undefined } | undefined },
  options: BrowserContextOptions = {},
): Promise<Page> => {
  const { url, password } = web ?? { url: '', password: '' };
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByLabel('Password of this page').fill(password ?? '');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('live', { exact: true }).waitFor();
  return page;
};

/** Follows the entry of the page's menu that begins so; a count may stand behind it. */
export const show = (page: Page, name: string): Promise<void> =>
  page
    .getByRole('navigation')
    .getByRole('link', { name: new RegExp(`^${name}`) })
    .click();

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/** WCAG A and AA, judged by others. */
export const violationsOf = async (page: Page): Promise<string[]> => {
  // Not by a script element: the page's own policy lets nobody in.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResult> } }).axe.run(),
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
};

/** By how many pixels the page is wider than its window. */
export const tooWide = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

/** As it is looked at: in either scheme, on a desk and in a hand. */
export const LOOKS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  (
    [
      ['desktop', { width: 1280, height: 900 }],
      ['phone', { width: 360, height: 740 }],
    ] as const
  ).map(([device, viewport]) => ({ colorScheme, device, viewport })),
);
