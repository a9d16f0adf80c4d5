// Which local a request goes to, seen from the apps: each local resolves every name to an address of its own in 127/8,
// so an app that says at which address it was reached says which local reached it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { DepotLocal } from '../../src/index.ts';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK, type Login } from '../support/depot.ts';
import { handshake } from '../support/socks-client.ts';

const ADDRESSES = { home: '127.0.0.2', nas: '127.0.0.3', office: '127.0.0.4' } as const;
type Name = keyof typeof ADDRESSES;
/** What the locals know the server as. */
const SERVER = 'server.test';

interface House extends AsyncDisposable {
  readonly depot: Depot;
  readonly stop: (name: Name) => Promise<void>;
  /** Where a request ends up: the local and the host that it was asked for, or the REP of a refusal. */
  readonly ask: (host: string, login?: Login) => Promise<string>;
}

/** A server with these locals, and an app that all of them reach. */
const build = async (...names: readonly Name[]): Promise<House> => {
  const stack = new AsyncDisposableStack();
  const depot = stack.use(await Depot.server({ advertise: SERVER }));
  const app = stack.use(await App.listen((socket) => socket.end(socket.localAddress ?? ''), '0.0.0.0'));
  const asked: string[] = [];
  const locals = new Map<Name, DepotLocal>();
  for (const name of names) {
    const resolve = async (host: string): Promise<readonly string[]> => {
      if (host === SERVER) return [LOOPBACK];
      asked.push(host);
      return [ADDRESSES[name]];
    };
    const { link } = name === 'home' ? { link: depot.firstLink } : await depot.server.administration.invite(name);
    locals.set(name, await depot.join(link, { resolve }));
  }
  const ask = async (host: string, login: Login = depot.login): Promise<string> => {
    const [wire, { reply }] = await handshake(depot.target(host, app.port, login));
    using _ = wire;
    if (reply !== 0) return `REP ${reply}`;
    const address = (await wire.rest()).toString();
    const name = Object.entries(ADDRESSES).find(([, own]) => own === address)?.[0];
    return `${name}: ${asked.at(-1)}`;
  };
  return {
    depot,
    ask,
    stop: async (name) => locals.get(name)?.stop(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

describe('two locals', () => {
  let house: House;
  const as = (user: string): Login => ({ ...house.depot.login, user });
  before(async () => {
    house = await build('nas', 'office');
  });
  after(() => house[Symbol.asyncDispose]());

  test('NAME.depot is the loopback of local NAME', async () => {
    assert.equal(await house.ask('nas.depot'), 'nas: localhost');
    assert.equal(await house.ask('office.depot'), 'office: localhost');
  });

  test('HOST.NAME.depot is HOST as local NAME resolves it', async () => {
    assert.equal(await house.ask('pi.nas.depot'), 'nas: pi');
    assert.equal(await house.ask('printer.lan.office.depot'), 'office: printer.lan');
    assert.equal(await house.ask('10.0.0.7.nas.depot'), 'nas: 10.0.0.7');
  });

  test('a name is the same in every spelling', async () => {
    assert.equal(await house.ask('NAS.Depot'), 'nas: localhost');
    assert.equal(await house.ask('Pi.nas.depot.'), 'nas: pi');
  });

  test('USER+NAME sends everything to local NAME', async () => {
    assert.equal(await house.ask('anything.example', as('owner+nas')), 'nas: anything.example');
    assert.equal(await house.ask(LOOPBACK, as('owner+office')), `office: ${LOOPBACK}`);
    assert.equal(await house.ask(LOOPBACK, as('owner+NAS')), `nas: ${LOOPBACK}`);
  });

  test('the host has the last word', async () => {
    assert.equal(await house.ask('pi.office.depot', as('owner+nas')), 'office: pi');
  });

  test('a user name with a local still needs the password of the user', async () => {
    await assert.rejects(house.ask('nas.depot', { user: 'owner+nas', password: 'wrong' }), /wrong user or password/);
  });

  test('nobody said which: refused', async () => {
    assert.equal(await house.ask(LOOPBACK), 'REP 1');
    assert.equal(await house.ask('pi'), 'REP 1');
  });

  test('what there is not: refused', async () => {
    assert.equal(await house.ask('attic.depot'), 'REP 1');
    assert.equal(await house.ask('depot'), 'REP 1');
    assert.equal(await house.ask('.depot'), 'REP 1');
    assert.equal(await house.ask(LOOPBACK, as('owner+attic')), 'REP 1');
    assert.equal(await house.ask(LOOPBACK, as('owner+')), 'REP 1');
  });

  test("a user's list: the first of it, and nothing outside it", async () => {
    const guest = await house.depot.addUser('guest', ['office']);
    assert.equal(await house.ask(LOOPBACK, guest), `office: ${LOOPBACK}`);
    assert.equal(await house.ask('pi.office.depot', guest), 'office: pi');
    assert.equal(await house.ask('nas.depot', guest), 'REP 2');
    assert.equal(await house.ask(LOOPBACK, { ...guest, user: 'guest+nas' }), 'REP 2');
    assert.equal(await house.ask('attic.depot', guest), 'REP 2');
  });
});

test('an ordered list fails over to the next local that is connected', async () => {
  await using house = await build('nas', 'office');
  const alice = await house.depot.addUser('alice', ['office', 'nas']);
  assert.equal(await house.ask('pi', alice), 'office: pi');
  await house.stop('office');
  assert.equal(await house.ask('pi', alice), 'nas: pi');
  assert.equal(await house.ask('pi.office.depot', alice), 'REP 1');
  await house.stop('nas');
  assert.equal(await house.ask('pi', alice), 'REP 1');
});

describe('the only local', () => {
  test('gets what names none: 127.0.0.1 is its own loopback', async () => {
    await using house = await build('home');
    assert.equal(await house.ask(LOOPBACK), `home: ${LOOPBACK}`);
    assert.equal(await house.ask('localhost'), 'home: localhost');
    assert.equal(await house.ask('pi'), 'home: pi');
    assert.equal(await house.ask('pi.home.depot'), 'home: pi');
  });

  test('is the only one again once the other was revoked', async () => {
    await using house = await build('home', 'nas');
    assert.equal(await house.ask('pi'), 'REP 1');
    await house.depot.server.administration.revokeLocal('nas');
    assert.equal(await house.ask('pi'), 'home: pi');
    assert.equal(await house.ask('nas.depot'), 'REP 1');
  });
});
