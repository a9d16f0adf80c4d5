// Firefox as somebody uses it: by PAC, from the entry and from `depot client`, and by SOCKS5 with names resolved at the
// far end. The proof is what the app was asked for, and by whom.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type http from 'node:http';
import { after, before, test } from 'node:test';
import { Depot, LOOPBACK } from '../support/depot.ts';
import { openFirefox, type Preferences } from '../support/firefox.ts';
import { WebApp } from '../support/web-app.ts';

/** Without passwords: Firefox has none for SOCKS5, and asks for that of an HTTP proxy in a window. */
let depot: Depot;
let web: WebApp;
before(async () => {
  // A name that only the local knows, and that the operator adds to the PAC file.
  depot = await Depot.pair(
    { allowAnonymous: true, pacHosts: ['wiki.test'] },
    { resolve: () => Promise.resolve([LOOPBACK]) },
  );
  web = await WebApp.listen((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<title>behind the NAT</title>${request.url}`);
  });
});
after(async () => {
  await web[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
});

const requireVisit = async (host: string, preferences: Preferences): Promise<void> => {
  await using _firefox = openFirefox(`http://${host}:${web.port}/page`, preferences);
  const [request] = (await once(web.server, 'request')) as [http.IncomingMessage];
  assert.equal(request.url, '/page');
  assert.equal(request.headers.host, `${host}:${web.port}`);
  assert.match(request.headers['user-agent'] ?? '', /Firefox\//);
};

const byPac = (url: string): Preferences => ({ 'network.proxy.type': 2, 'network.proxy.autoconfig_url': url });

test('by PAC: a .depot name, and a host that the operator added', async () => {
  const pac = byPac(`http://${LOOPBACK}:${depot.socksPort}/proxy.pac`);
  await requireVisit('home.depot', pac);
  await requireVisit('wiki.test', pac);
});

test('by the PAC of a user, whose name and password are in its URL', async () => {
  const { user, password } = await depot.addUser('bob', ['home'], { rules: ['allow notes.test'] });
  const pac = byPac(`http://${user}:${password}@${LOOPBACK}:${depot.socksPort}/proxy.pac?login`);
  await requireVisit('notes.test', pac);
});

test('by the PAC of the dashboard', async () => {
  await requireVisit('home.depot', byPac(new URL('proxy.pac', depot.server.web?.url).href));
});

test('by the PAC of depot client', async () => {
  await depot.addUser('alice');
  const client = await depot.addClient('alice');
  await requireVisit('home.depot', byPac(`http://${LOOPBACK}:${client.address.port}/proxy.pac`));
});

test('by SOCKS5, with names resolved at the far end', async () => {
  await requireVisit('home.depot', {
    'network.proxy.type': 1,
    'network.proxy.socks': LOOPBACK,
    'network.proxy.socks_port': depot.socksPort,
    'network.proxy.socks_version': 5,
    'network.proxy.socks_remote_dns': true,
  });
});
