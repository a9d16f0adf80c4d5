// The page that a local, or a client, has of its own, in a real browser.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { DepotLocal } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { complaintsOf, launch, LOOKS, openPage, show, tooWide, violationsOf } from '../support/chromium.ts';
import { Depot } from '../support/depot.ts';
import { handshake, type Wire } from '../support/socks-client.ts';

const HOSTILE = '<img/src=x/onerror=document.title=1>';

describe('the page of a local', { concurrency: false }, () => {
  let browser: Browser;
  let depot: Depot & { local: DepotLocal };
  let app: App;
  let page: Page;
  let complaints: string[];
  before(async () => {
    browser = await launch();
    depot = await Depot.pair({}, { webPort: 0, allow: ['192.168.1.0/24:80'] });
    app = await App.echo();
    page = await openPage(browser, depot.local);
    complaints = complaintsOf(page);
  });
  after(async () => {
    await browser.close();
    await app[Symbol.asyncDispose]();
    await depot[Symbol.asyncDispose]();
  });
  afterEach(() => assert.deepEqual(complaints.splice(0), []));

  const open = async (host: string): Promise<Wire> => {
    const [wire] = await handshake(depot.target(host, app.port));
    return wire;
  };

  it('shows its server, its rules, and what it is called', async () => {
    const { host, controlPort } = depot.server.address;
    await page.getByText(`${host}:${controlPort}`).waitFor();
    await page.getByText('192.168.1.0/24:80').waitFor();
    await page.getByText('loopback (the default)').waitFor();
    await page.getByText('Since the start there always was one.').waitFor();
    assert.equal(await page.title(), 'depot local home');
    assert.equal(await page.getByRole('navigation').getByRole('link').count(), 2);
  });

  it('says why the link was lost, and that it is back', async () => {
    depot.server.kick('home');
    const section = page.getByRole('region', { name: 'When there was no link' });
    await section
      .getByText(/stopped/)
      .first()
      .waitFor();
    await section.getByText(/^for \d+ s/).waitFor();
    await page.getByText('up', { exact: true }).first().waitFor();
  });

  it('shows a stream, and ends it', async () => {
    await show(page, 'Streams');
    const wire = await open('home.depot');
    const row = page.getByRole('row').filter({ hasText: `:${app.port}` });
    await row.getByText('open').waitFor();
    await row
      .getByRole('button', { name: `:${app.port}` })
      .first()
      .click();
    await page.getByRole('dialog').getByText('is allowed by loopback (the default)').waitFor();
    await page.keyboard.press('Escape');
    await row.getByRole('button', { name: /^End/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End' }).click();
    assert.equal(await wire.ending(), 'rst');
    await page.getByText('No streams run now.').waitFor();
  });

  it('shows a hostile name as the text that it is', async () => {
    const wire = await open(HOSTILE);
    wire[Symbol.dispose]();
    await page.getByRole('region', { name: 'Streams that ended' }).getByText(`${HOSTILE}:${app.port}`).waitFor();
    await show(page, 'Link');
    await page.getByText(HOSTILE).first().waitFor();
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.title(), 'depot local home');
  });

  for (const { colorScheme, device, viewport } of LOOKS) {
    it(`is accessible and fits, ${colorScheme}, on a ${device}`, async () => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      for (const name of ['Link', 'Streams']) {
        await show(page, name);
        await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
        assert.deepEqual(await violationsOf(page), [], name);
        assert.equal(await tooWide(page), 0, `${name} scrolls sideways`);
      }
    });
  }

  it('is there for a client too, with its ports', async () => {
    const client = await depot.addClient(depot.login.user, { webPort: 0 });
    const other = await openPage(browser, client);
    await other.getByText(`${depot.login.user}/`).first().waitFor();
    await other.getByText(`127.0.0.1:${client.address.port} for SOCKS and HTTP`).waitFor();
    assert.deepEqual(await violationsOf(other), []);
    await other.context().close();
  });
});
