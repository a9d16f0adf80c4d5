// BIND: RFC 1928, sections 4 and 6. The app connects back to the client through the server.

import assert from 'node:assert/strict';
import net from 'node:net';
import { App } from '../../support/apps.ts';
import type { SocksReply, Wire } from '../../support/socks-client.ts';
import { type Check, expectEcho, expectReply, NotApplicable, type Trial } from '../trial.ts';

const BIND = 2;
/** Another address of the machine that IPv4 loopback apps are on. */
const STRANGER = '127.0.0.2';
const UNSPECIFIED = new Set(['0.0.0.0', '::']);

/** Asks the server to listen for the app at `appHost`. */
const bind = async (trial: Trial): Promise<[Wire, SocksReply]> => {
  // Which port the app will come from is not known, as with FTP, so any port of its that is announced will do.
  const announced = await App.closedPort();
  const [wire, first] = await trial.askOptional(trial.appHost, announced, BIND);
  expectReply(first.reply, 0);
  return [wire, first];
};

/** Connects back as the app does, from an address of its own. */
const connectBack = async (trial: Trial, { host, port }: SocksReply, localAddress: string): Promise<net.Socket> => {
  const socket = net.connect({ host: UNSPECIFIED.has(host) ? trial.appHost : host, port, localAddress });
  trial.use({ [Symbol.dispose]: () => void socket.destroy() });
  socket.on('error', () => undefined);
  // A reset at once is a way to turn somebody away, too; `once` would reject for it.
  await new Promise<void>((resolve) => {
    for (const event of ['connect', 'close']) socket.once(event, () => resolve());
  });
  return socket;
};

const requireAddress = (trial: Trial): void => {
  if (!net.isIPv4(trial.appHost)) throw new NotApplicable('the apps have no IPv4 address');
};

export const BIND_CHECKS: readonly Check[] = [
  {
    name: 'bind/address',
    section: 'RFC 1928 §6',
    expects: 'the first reply names an address that the app can be told',
    run: async (trial) => {
      requireAddress(trial);
      const [, { host, port }] = await bind(trial);
      assert.ok(!UNSPECIFIED.has(host) && port > 0, `it names ${host} port ${port}`);
    },
  },
  {
    name: 'bind/two-replies',
    section: 'RFC 1928 §6',
    expects: "the second reply names the app's address; then bytes flow both ways",
    run: async (trial) => {
      requireAddress(trial);
      const [wire, first] = await bind(trial);
      const app = await connectBack(trial, first, trial.subject.listenHost);
      const second = await wire.readReply();
      expectReply(second.reply, 0);
      const named = `${second.host} port ${second.port}`;
      assert.equal(named, `${app.localAddress} port ${app.localPort}`, `the second reply names ${named}`);
      app.pipe(app);
      await expectEcho(wire);
    },
  },
  {
    name: 'bind/stranger',
    section: 'RFC 1928 §4',
    expects: 'takes no connection but from the address that was announced',
    run: async (trial) => {
      requireAddress(trial);
      if (trial.appHost !== '127.0.0.1') throw new NotApplicable('needs apps on 127.0.0.1');
      const [wire, first] = await bind(trial);
      const stranger = await connectBack(trial, first, STRANGER);
      const closed = new Promise<string>((resolve) => void stranger.once('close', () => resolve('closed')));
      stranger.resume();
      const second = wire.readReply().catch(() => undefined);
      const outcome = await Promise.race([second, stranger.destroyed ? 'closed' : closed]);
      if (typeof outcome === 'object') {
        assert.notEqual(outcome.reply, 0, `the second reply says that ${outcome.host} has connected`);
      }
    },
  },
];
