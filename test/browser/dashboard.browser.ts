// The dashboard in a real browser, beside real streams.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { DepotLocal } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { complaintsOf, launch, LOOKS, openPage, show, tooWide, violationsOf } from '../support/chromium.ts';
import { Depot } from '../support/depot.ts';
import { Program } from '../support/programs.ts';
import { handshake, type Wire } from '../support/socks-client.ts';

const HOSTILE = '<img/src=x/onerror=document.title=1>';

describe('the dashboard', { concurrency: false }, () => {
  let browser: Browser;
  let depot: Depot & { local: DepotLocal };
  let app: App;
  let page: Page;
  let complaints: string[];
  before(async () => {
    browser = await launch();
    depot = await Depot.pair();
    // Says hello, and then goes on as long as somebody listens.
    app = await App.listen((socket) => {
      const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n';
      socket.write(head);
      const timer = setInterval(() => socket.write(Buffer.alloc(20_000)), 50);
      socket.once('close', () => clearInterval(timer)).resume();
    });
    page = await openPage(browser, depot.server);
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

  it('says no to a wrong password', async () => {
    const context = await browser.newContext();
    const stranger = await context.newPage();
    await stranger.goto(depot.server.web?.url ?? '');
    await stranger.getByLabel('Password of this page').fill('guess');
    await stranger.getByRole('button', { name: 'Log in' }).click();
    await stranger.getByText('That is not the password.').waitFor();
    assert.deepEqual(await violationsOf(stranger), []);
    await context.close();
  });

  it('checks a target, and says what to change', async () => {
    await show(page, 'Check');
    await page.getByLabel('Target').fill(`home.depot:${await App.closedPort()}`);
    await page.getByLabel('User').fill(depot.login.user);
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('cannot be reached (REP 5)').waitFor();
    await page.getByText('start the app').waitFor();
    const row = page.getByRole('row').filter({ hasText: 'Dial' });
    assert.match((await row.textContent()) ?? '', /failed.*ms.*ECONNREFUSED/);
    assert.deepEqual(await violationsOf(page), []);
  });

  it('shows a download as it runs, and ends it: curl fails', async () => {
    await show(page, 'Streams');
    const target = `home.depot:${app.port}`;
    await using curl = new Program('curl', [
      '-sS',
      '--disable',
      '-o',
      '/dev/null',
      '-x',
      depot.proxyUrl(),
      `http://${target}/`,
    ]);
    const row = page.getByRole('row').filter({ hasText: target });
    await row.getByText(/[\d.]+ kB\/s/).waitFor();
    await row.getByRole('button', { name: 'End' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End' }).click();
    const { code } = await curl.finished;
    assert.ok([18, 56].includes(code), `curl ended with ${code}`);
    await page
      .getByRole('region', { name: 'Streams that ended' })
      .getByText('stopped: ended by the operator')
      .waitFor();
    await page.getByText('No streams run now.').waitFor();
  });

  it('shows a hostile name as the text that it is', async () => {
    const wire = await open(HOSTILE);
    wire[Symbol.dispose]();
    const region = page.getByRole('region', { name: 'Streams that ended' });
    await region.getByText(`${HOSTILE}:${app.port}`).waitFor();
    await show(page, 'Overview');
    await page.getByText(HOSTILE).first().waitFor();
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.title(), 'depot');
  });

  it('filters', async () => {
    await show(page, 'Streams');
    const [one, two] = [await open('home.depot'), await open('127.0.0.1')];
    const region = page.getByRole('region', { name: 'Running streams' });
    await region.getByText(`127.0.0.1:${app.port}`).waitFor();
    await page.getByRole('searchbox').fill('home.dep');
    await region.getByText(`127.0.0.1:${app.port}`).waitFor({ state: 'detached' });
    assert.equal(await region.getByText(`home.depot:${app.port}`).count(), 1);
    await page.getByRole('searchbox').fill('');
    for (const wire of [one, two]) wire[Symbol.dispose]();
    await page.getByText('No streams run now.').waitFor();
  });

  it('shows a local that goes away, and comes back', async () => {
    await show(page, 'Locals');
    const attic = await depot.addLocal('attic');
    const card = page.getByRole('listitem', { name: 'attic' });
    await card.getByText('up', { exact: true }).waitFor();
    await attic.stop();
    await card.getByText('away', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Locals 1 away' }).waitFor();
    await card.getByRole('button', { name: 'Revoke attic' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await card.waitFor({ state: 'detached' });
    await depot.addLocal('attic');
    await card.getByText('up', { exact: true }).waitFor();
  });

  it('disconnects a local, which connects again by itself', async () => {
    await show(page, 'Locals');
    const { since } = depot.server.status().locals.find(({ name }) => name === 'home') ?? {};
    const card = page.getByRole('listitem', { name: 'home' });
    const down = once(depot.server.events, 'localDown');
    await card.getByRole('button', { name: 'Disconnect home' }).click();
    const up = once(depot.server.events, 'localUp');
    await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
    await Promise.all([down, up]);
    await card.getByText('up', { exact: true }).waitFor();
    assert.ok((depot.server.status().locals.find(({ name }) => name === 'home')?.since ?? 0) > (since ?? Infinity));
  });

  it('shows which server it is, where it listens, and sets clients up with just that', async () => {
    const { version, fingerprint, ports, advertised } = depot.server.status();
    await show(page, 'Overview');
    const server = page.getByRole('region', { name: 'Server', exact: true });
    for (const text of [version, fingerprint]) await server.getByText(text, { exact: true }).waitFor();
    await server.getByText(`clients ${ports.socks}, locals ${ports.control}, dashboard ${ports.web}`).waitFor();
    await show(page, 'Set-up');
    await page.getByText(`socks5h://USER:PASSWORD@${advertised}:${ports.socks}`).first().waitFor();
  });

  it('invites a local, by keyboard, and the link is good', async () => {
    await show(page, 'Locals');
    await page.getByRole('button', { name: 'Invite a local' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.type('barn');
    await page.keyboard.press('Enter');
    const text = await page.getByText(/^depot local 'depot:/).textContent();
    await page.getByRole('img', { name: 'The join link for barn as a QR code' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await depot.join(/'(.*)'/.exec(text ?? '')?.[1] ?? '');
    await page.getByRole('listitem', { name: 'barn' }).getByText('up', { exact: true }).waitFor();
  });

  it('adds a user, whose password is right, and removes it', async () => {
    await show(page, 'Users');
    await page.getByRole('button', { name: 'Add a user' }).click();
    await page.getByLabel('Name').fill('alice');
    await page.getByRole('button', { name: /^Add, and/ }).click();
    const password = await page.getByRole('dialog').locator('pre').textContent();
    const login = { user: 'alice', password: password ?? '' };
    const [wire] = await handshake(depot.target('home.depot', app.port, login));
    wire[Symbol.dispose]();
    await page.keyboard.press('Escape');
    const row = page.getByRole('row').filter({ hasText: 'alice' });
    await row.getByRole('button', { name: 'Remove alice' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await row.waitFor({ state: 'detached' });
  });

  it('shows what a user may do, and how much of that is used', async () => {
    await depot.addUser('carol', ['home'], {
      rules: ['deny 10.0.0.0/8', 'allow *:80'],
      from: ['127.0.0.0/8'],
      maxStreams: 5,
      rateBytes: 2_000_000,
      monthlyBytes: 50_000_000_000,
      validUntil: Date.UTC(2100, 0, 1),
    });
    await show(page, 'Users');
    const row = page.getByRole('row').filter({ hasText: 'carol' });
    await row.getByText('0 of 5').waitFor();
    await row.getByText('0 B of 50 GB').waitFor();
    await row.getByText('2.0 MB/s').waitFor();
    await row.getByText('2100').waitFor();
    await row.getByRole('button', { name: 'carol', exact: true }).click();
    const dialog = page.getByRole('dialog');
    for (const text of ['deny 10.0.0.0/8', 'allow *:80', '127.0.0.0/8']) await dialog.getByText(text).waitFor();
    assert.deepEqual(await violationsOf(page), []);
    await page.keyboard.press('Escape');
  });

  it('says which rule let a stream through', async () => {
    await show(page, 'Streams');
    const wire = await open('home.depot');
    await page
      .getByRole('button', { name: `home.depot:${app.port}`, exact: true })
      .first()
      .click();
    await page.getByRole('dialog').getByText('there are no rules').waitFor();
    assert.deepEqual(await violationsOf(page), []);
    await page.keyboard.press('Escape');
    wire[Symbol.dispose]();
    await page.getByText('No streams run now.').waitFor();
  });

  it('shows a client that comes, invites one, and revokes it', async () => {
    await show(page, 'Clients');
    await page.getByText('No client has joined yet.').waitFor();
    await page.getByRole('button', { name: 'Invite a client' }).click();
    await page.getByLabel('The user whose device it is').fill(depot.login.user);
    await page.keyboard.press('Enter');
    await page.getByText(/^depot client 'depot:/).waitFor();
    await page.keyboard.press('Escape');
    const client = await depot.addClient(depot.login.user, { device: 'laptop' });
    const row = page.getByRole('row').filter({ hasText: 'laptop' });
    await row.getByText('up', { exact: true }).waitFor();
    await row.getByText('127.0.0.1').waitFor();
    await client.stop();
    await row.getByText('away', { exact: true }).waitFor();
    await row.getByText(/^last seen/).waitFor();
    await row.getByRole('button', { name: `Revoke ${depot.login.user}/laptop` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await row.waitFor({ state: 'detached' });
  });

  it('keeps thousands of streams in hand', async () => {
    await show(page, 'Streams');
    const wires = await Promise.all(Array.from({ length: 300 }, () => open('home.depot')));
    await page.getByRole('heading', { name: 'Running 300' }).waitFor();
    const rows = await page.getByRole('region', { name: 'Running streams' }).locator('tbody tr').count();
    assert.ok(rows < 80, `${rows} rows in the page`);
    for (const wire of wires) wire[Symbol.dispose]();
    await page.getByText('No streams run now.').waitFor();
  });

  for (const { colorScheme, device, viewport } of LOOKS) {
    it(`is accessible and fits, ${colorScheme}, on a ${device}`, async () => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      const wire = await open('home.depot');
      await depot.addClient(depot.login.user, { device: `${colorScheme}-${device}` });
      for (const name of ['Overview', 'Locals', 'Streams', 'Clients', 'Users', 'Check', 'Set-up']) {
        await show(page, name);
        await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
        assert.deepEqual(await violationsOf(page), [], name);
        assert.equal(await tooWide(page), 0, `${name} scrolls sideways`);
      }
      await show(page, 'Streams');
      const box = await page.getByRole('button', { name: 'End stream to' }).first().boundingBox();
      assert.ok(box !== null && box.x + box.width <= viewport.width, 'the button that ends a stream is out of sight');
      wire[Symbol.dispose]();
    });
  }

  it('has no secret in any page', async () => {
    const { token } = await depot.server.administration.makeMetricsToken();
    const { password: carols } = await depot.server.administration.setPassword('carol');
    const secrets = [
      depot.login.password,
      depot.server.web?.password ?? '',
      token,
      carols,
      depot.firstLink,
      'argon2id',
    ];
    for (const name of ['Overview', 'Locals', 'Streams', 'Clients', 'Users', 'Check', 'Set-up']) {
      await show(page, name);
      const all = await page.evaluate<string>('document.documentElement.outerHTML + JSON.stringify(localStorage)');
      for (const secret of secrets) assert.ok(secret !== '' && !all.includes(secret), `a secret is in ${name}`);
    }
  });

  it('logs out, and shows nothing more', async () => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Password of this page').waitFor();
    const status = await page.evaluate(async () => (await fetch('/api/v1/overview')).status);
    assert.equal(status, 401);
  });
});
