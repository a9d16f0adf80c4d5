// Makes docs/screenshots/ with a server, locals and streams that really run. Needs Debian's chromium.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { App } from '../test/support/apps.ts';
import { launch, openPage, show } from '../test/support/chromium.ts';
import { Depot } from '../test/support/depot.ts';
import { handshake, openStream } from '../test/support/socks-client.ts';

const TARGET = path.join(import.meta.dirname, '../docs/screenshots');
/** Long enough for the chart to have something to show. */
const RUN_SECONDS = 45;

await using depot = await Depot.pair({}, { allow: ['192.168.1.0/24:22,80', '*.lan'], webPort: 0 });
await depot.addLocal('nas');
const attic = await depot.addLocal('attic');
const alice = await depot.addUser('alice', [], { monthlyBytes: 5e8, maxStreams: 20, rateBytes: 2e6 });
const bob = await depot.addUser('bob', ['nas'], {
  validUntil: Date.UTC(2027, 5, 1),
  rules: ['allow nas.depot:1-65535'],
});
await depot.addClient('alice', { device: 'laptop' });
/** Sends in waves, so that the chart looks like a day and not like a test. */
await using app = await App.listen((socket) => {
  const weight = 1 + Math.random() * 9;
  const timer = setInterval(() => {
    const wave = 1 + Math.sin(Date.now() / 3000 + weight);
    socket.write(Buffer.alloc(Math.round(weight * wave * 8000)));
  }, 100);
  socket.once('close', () => clearInterval(timer)).resume();
});
const open = async (host: string, login = depot.login, port = app.port): ReturnType<typeof handshake> =>
  handshake(depot.target(host, port, login));
for (let count = 0; count < 9; count += 1) {
  const host = ['home.depot', 'nas.depot', 'attic.depot'][count % 3] ?? '';
  const login = host === 'nas.depot' ? bob : count % 2 === 0 ? alice : depot.login;
  const socket = await openStream(depot.target(host, app.port, login));
  socket.on('error', () => undefined).resume();
  setInterval(() => socket.write(Buffer.alloc(3000)), 250).unref();
}
for (const host of ['nas.depot', 'home.depot', 'home.depot']) await open(host, alice, await App.closedPort());
await open('printer.nas.depot', alice);
await open('cellar.depot', alice);
await open('nas.depot', { user: 'alice', password: 'guess' }).catch(() => undefined);

const browser = await launch();
let page = await openPage(browser, depot.server, { viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1 });
await page.waitForTimeout(RUN_SECONDS * 1000);
await attic.stop();
await page.getByRole('link', { name: 'Locals 1 away' }).waitFor();
mkdirSync(TARGET, { recursive: true });

const shoot = async (name: string): Promise<void> => {
  await page.waitForTimeout(1500);
  await page.screenshot({ path: path.join(TARGET, `${name}.png`) });
};

await shoot('overview');
for (const name of ['Locals', 'Streams', 'Clients', 'Users', 'Set-up']) {
  await show(page, name);
  if (name === 'Set-up') await page.getByLabel('Server').fill('vps.example');
  await shoot(name.toLowerCase());
}
await show(page, 'Locals');
await page.getByRole('button', { name: 'Invite a local' }).click();
await page.getByLabel('What it will be called').fill('barn');
await page.keyboard.press('Enter');
await page.getByRole('img', { name: /QR code/ }).waitFor();
await shoot('invite');
await page.keyboard.press('Escape');
await page.emulateMedia({ colorScheme: 'dark' });
for (const name of ['Overview', 'Streams']) {
  await show(page, name);
  await shoot(`${name.toLowerCase()}-dark`);
}
await page.setViewportSize({ width: 380, height: 780 });
for (const name of ['Overview', 'Streams', 'Locals']) {
  await show(page, name);
  await shoot(`${name.toLowerCase()}-phone`);
}
await page.context().close();

// A local's own, after its link was cut once.
depot.server.kick('home');
page = await openPage(browser, depot.local, { viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1 });
await page.waitForTimeout(RUN_SECONDS * 1000);
for (const colorScheme of ['light', 'dark'] as const) {
  await page.emulateMedia({ colorScheme });
  await shoot(`local-${colorScheme}`);
}
await browser.close();
