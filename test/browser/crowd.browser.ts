// The dashboard beside ten thousand streams: it stays usable, for only what is in sight is in the page. Server, local,
// app and clients are processes of their own, for none of them may open so many files for all.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { Talker } from '../../bench/talker.ts';
import { launch, openPage } from '../support/chromium.ts';
import { startLocal, startNewServer } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';

const STREAMS = 10_000;
const CLIENTS = 3;

const talker = (file: string, ...args: string[]): Talker =>
  new Talker(
    spawn(process.execPath, [path.join(import.meta.dirname, '../../bench', file), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );

test('the dashboard beside 10 000 streams is filtered, sorted and scrolled', { timeout: 110_000 }, async (t) => {
  using stack = new DisposableStack();
  const [home, localHome] = [stack.use(tempDir()).path, stack.use(tempDir()).path];
  const [server, { link, login, socksPort }] = await startNewServer(home, '--log-level', 'error');
  await using _server = server;
  const url = /dashboard +(\S+)/.exec(server.stdout)?.[1] ?? '';
  const password = /password, shown once: (\S+)/.exec(server.stdout)?.[1];
  await using _local = await startLocal(localHome, link, '--log-level', 'error');
  const app = stack.use(talker('app.ts', LOOPBACK));
  const { port } = await app.hear();
  const target = { host: LOOPBACK, port: socksPort, socks: { appPort: port, ...login } };
  const clients = Array.from({ length: CLIENTS }, () => stack.use(talker('load.ts')));
  for (const [index, client] of clients.entries()) {
    const streams = Math.floor(STREAMS / CLIENTS) + (index < STREAMS % CLIENTS ? 1 : 0);
    client.say({ target, work: { kind: 'hold', streams } });
  }
  await Promise.all(clients.map((client) => client.hear()));

  const browser = await launch();
  stack.defer(() => void browser.close());
  const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const started = performance.now();
    await work();
    t.diagnostic(`${what}: ${Math.round(performance.now() - started)} ms`);
  };
  const page = await openPage(browser, { web: { url, password } });
  const region = page.getByRole('region', { name: 'Running streams' });
  const rows = region.locator('tbody tr:not(.spacer)');
  await timed('all are there', async () => {
    await page.getByRole('link', { name: /^Streams/ }).click();
    await page.getByRole('heading', { name: `Running ${STREAMS}` }).waitFor();
  });
  assert.ok((await rows.count()) < 80, `${await rows.count()} rows in the page`);
  const field = page.getByRole('searchbox');
  await timed('filter that fits none', async () => {
    await field.fill('nowhere');
    await page.getByText('No running stream fits the filter.').waitFor();
  });
  await timed('filter that fits all', async () => {
    await field.fill('owner');
    await page.getByRole('heading', { name: `Running ${STREAMS}` }).waitFor();
  });
  await timed('sort', async () => {
    await region.getByRole('button', { name: 'Age' }).click();
    await region.locator('[aria-sort="descending"]').getByText('Age').waitFor();
  });
  await timed('scroll to the end', async () => {
    await region.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await region.locator('tr.spacer').nth(1).waitFor({ state: 'detached' });
  });
  assert.ok((await rows.count()) < 80);
  await timed('end one', async () => {
    await rows.last().getByRole('button', { name: /^End/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End' }).click();
    await page.getByRole('heading', { name: `Running ${STREAMS - 1}` }).waitFor();
  });
  const heapBytes = await page.evaluate<number>('performance.memory.usedJSHeapSize');
  t.diagnostic(`heap of the page: ${Math.round(heapBytes / 1e6)} MB`);
});
