// Chromium as somebody uses it: by SOCKS5, by HTTPS proxy with a password, and by PAC. It takes a large package, so this
// has a script of its own: npm run test:browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium, type LaunchOptions, type Page } from 'playwright-core';
import { Depot, LOOPBACK, type Login } from '../support/depot.ts';
import { WebApp } from '../support/web-app.ts';

/** One server wants a password, the other one does not: Chromium cannot authenticate to SOCKS5. */
let depot: Depot;
let open: Depot;
let web: WebApp;
before(async () => {
  depot = await Depot.pair();
  // `wiki.test` is a name that only the local knows, and that the operator adds to the PAC file.
  open = await Depot.pair(
    { allowAnonymous: true, pacHosts: ['wiki.test'] },
    { resolve: () => Promise.resolve([LOOPBACK]) },
  );
  web = await WebApp.listen((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<title>behind the NAT</title>You asked for ${request.url} on ${request.headers.host}.`);
  });
});
after(async () => {
  await web[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
  await open[Symbol.asyncDispose]();
});

interface Visit {
  readonly args?: readonly string[];
  readonly proxy?: LaunchOptions['proxy'];
  /** What the user types when the browser asks for the password of its proxy. */
  readonly login?: Login;
  readonly host?: string;
}

/** What a page of the app says to a browser that is started so. Rejects where it cannot be loaded. */
const visit = async ({ args = [], proxy, login, host = 'home.depot' }: Visit): Promise<string> => {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', ...args],
    ...(proxy && { proxy }),
  });
  try {
    const page = await browser.newPage();
    if (login !== undefined) await answerProxy(page, login);
    await page.goto(`http://${host}:${web.port}/page`);
    assert.equal(await page.title(), 'behind the NAT');
    return await page.innerText('body');
  } finally {
    await browser.close();
  }
};

const answerProxy = async (page: Page, { user: username, password }: Login): Promise<void> => {
  const session = await page.context().newCDPSession(page);
  session.on('Fetch.requestPaused', ({ requestId }) => void session.send('Fetch.continueRequest', { requestId }));
  session.on('Fetch.authRequired', ({ requestId, authChallenge }) => {
    assert.equal(authChallenge.source, 'Proxy');
    const authChallengeResponse = { response: 'ProvideCredentials', username, password } as const;
    void session.send('Fetch.continueWithAuth', { requestId, authChallengeResponse });
  });
  await session.send('Fetch.enable', { handleAuthRequests: true });
};

const expected = (): string => `You asked for /page on home.depot:${web.port}.`;

/** The key of the server's own certificate counts, as if somebody had told the browser to trust it. */
const trusting = (server: Depot): string =>
  `--ignore-certificate-errors-spki-list=${Buffer.from(server.server.fingerprint, 'base64url').toString('base64')}`;

test('by SOCKS5', async () => {
  assert.equal(await visit({ proxy: { server: `socks5://${LOOPBACK}:${open.socksPort}` } }), expected());
});

test('by HTTPS proxy, with a password', async () => {
  const server = `https://${LOOPBACK}:${depot.socksPort}`;
  const { user: username, password } = depot.login;
  assert.equal(await visit({ proxy: { server, username, password }, args: [trusting(depot)] }), expected());
  await assert.rejects(visit({ proxy: { server, username, password: 'wrong' }, args: [trusting(depot)] }));
  await assert.rejects(visit({ proxy: { server, username, password } }), /CERT|PROXY/, 'nobody vouches for the key');
});

test('by PAC, over TLS and plain', async () => {
  for (const scheme of ['https', 'http']) {
    const args = [`--proxy-pac-url=${scheme}://${LOOPBACK}:${open.socksPort}/proxy.pac`, trusting(open)];
    assert.equal(await visit({ args }), expected(), scheme);
  }
  const args = [`--proxy-pac-url=https://${LOOPBACK}:${depot.socksPort}/proxy.pac`, trusting(depot)];
  assert.equal(await visit({ args, login: depot.login }), expected());
});

test('by PAC, a host that the operator added; from the dashboard, too', async () => {
  const pac = `--proxy-pac-url=http://${LOOPBACK}:${open.socksPort}/proxy.pac`;
  assert.equal(await visit({ args: [pac], host: 'wiki.test' }), `You asked for /page on wiki.test:${web.port}.`);
  const dashboard = new URL('proxy.pac', open.server.web?.url).href;
  assert.equal(await visit({ args: [`--proxy-pac-url=${dashboard}`] }), expected());
});

test('and not at all without a proxy', async () => {
  await assert.rejects(visit({}));
});
