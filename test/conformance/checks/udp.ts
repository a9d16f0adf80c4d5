// UDP ASSOCIATE: RFC 1928, sections 4, 6 and 7.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { addressField } from '../../support/socks-client.ts';
import { Association, datagram, UdpSocket } from '../association.ts';
import { type Check, NotApplicable, type Trial } from '../trial.ts';

const LOCALHOST = 'localhost';
/** Another address of the machine that IPv4 loopback clients are on. */
const STRANGER = '127.0.0.2';

const echo = async (trial: Trial, host = trial.subject.listenHost): Promise<UdpSocket> =>
  trial.use(await UdpSocket.echo(host));

const payload = (text: string): Buffer => Buffer.from(`${text} ${randomBytes(6).toString('hex')}`);

/** What must not have reached the app is looked for when something later has come back. */
const expectUnseen = (app: UdpSocket, unwanted: Buffer, what: string): void => {
  assert.ok(!app.received.some((bytes) => bytes.equals(unwanted)), `${what} reached the app`);
};

export const UDP_CHECKS: readonly Check[] = [
  {
    name: 'udp/echo',
    section: 'RFC 1928 §7',
    expects: 'carries datagrams to the app and back',
    run: async (trial) => {
      const app = await echo(trial);
      await (await Association.open(trial)).exchange(trial.appHost, app.port, payload('hello'));
    },
  },
  {
    name: 'udp/source',
    section: 'RFC 1928 §7',
    expects: 'the header of an answer has FRAG 0 and the address that it comes from',
    run: async (trial) => {
      if (net.isIP(trial.appHost) === 0) throw new NotApplicable('the apps have a name, no address');
      const app = await echo(trial);
      const association = await Association.open(trial);
      const { fragment, host, port } = await association.exchange(trial.appHost, app.port, payload('who'));
      assert.deepEqual([fragment, host, port], [0, trial.appHost, app.port], `FRAG ${fragment} from ${host} ${port}`);
    },
  },
  {
    name: 'udp/two-apps',
    section: 'RFC 1928 §7',
    expects: 'one association reaches several apps, and tells their answers apart',
    run: async (trial) => {
      const apps = [await echo(trial), await echo(trial)];
      const association = await Association.open(trial);
      for (const app of apps) {
        const { port } = await association.exchange(trial.appHost, app.port, payload('which'));
        assert.equal(port, app.port, 'an answer of the other app');
      }
    },
  },
  {
    name: 'udp/borders',
    section: 'RFC 1928 §7',
    expects: 'datagrams of 0 to 8192 bytes arrive whole and one by one',
    run: async (trial) => {
      const app = await echo(trial);
      const association = await Association.open(trial);
      for (const size of [1, 512, 1472, 8192, 0])
        await association.exchange(trial.appHost, app.port, randomBytes(size));
      assert.ok(
        app.received.every(({ length }) => [0, 1, 512, 1472, 8192].includes(length)),
        `the app got datagrams of ${app.received.map(({ length }) => length).join()} bytes`,
      );
    },
  },
  {
    name: 'udp/domain',
    section: 'RFC 1928 §7',
    expects: 'resolves a name in a datagram',
    run: async (trial) => {
      const name = net.isIP(trial.appHost) === 0 ? trial.appHost : LOCALHOST;
      if (name === LOCALHOST) trial.requireSameMachine();
      const app = await echo(trial);
      await (await Association.open(trial)).exchange(name, app.port, payload('name'));
    },
  },
  {
    name: 'udp/ipv6',
    section: 'RFC 1928 §7',
    expects: 'carries datagrams to an IPv6 address',
    run: async (trial) => {
      trial.requireSameMachine();
      const app = await echo(trial, '::1').catch(() => {
        throw new NotApplicable('this machine has no IPv6');
      });
      const { host } = await (await Association.open(trial)).exchange('::1', app.port, payload('six'));
      assert.equal(host, '::1', `an answer from ${host}`);
    },
  },
  {
    name: 'udp/fragments',
    section: 'RFC 1928 §7',
    expects: 'drops a fragment that belongs to nothing, or all of them, and goes on',
    run: async (trial) => {
      const app = await echo(trial);
      const association = await Association.open(trial);
      const fragment = payload('fragment');
      association.send(datagram(trial.appHost, app.port, fragment, 2));
      await association.exchange(trial.appHost, app.port, payload('whole'));
      expectUnseen(app, fragment, 'a lone fragment');
    },
  },
  {
    name: 'udp/garbage',
    section: 'practice',
    expects: 'drops what is no datagram of SOCKS, and goes on',
    run: async (trial) => {
      const app = await echo(trial);
      const association = await Association.open(trial);
      const whole = datagram(trial.appHost, app.port, Buffer.alloc(0));
      const garbage = [
        Buffer.alloc(0),
        whole.subarray(0, 3),
        whole.subarray(0, -1),
        Buffer.from([0, 0, 0, 9, 1, 2, 3]),
      ];
      for (const bytes of garbage) association.send(bytes);
      await association.exchange(trial.appHost, app.port, payload('after'));
      assert.ok(
        app.received.every(({ length }) => length > 0),
        'half a header reached the app',
      );
    },
  },
  {
    name: 'udp/announced-port',
    section: 'RFC 1928 §7',
    expects: 'works for a client that announces its port',
    run: async (trial) => {
      const app = await echo(trial);
      await (await Association.open(trial, true)).exchange(trial.appHost, app.port, payload('announced'));
    },
  },
  {
    name: 'udp/stranger-address',
    section: 'RFC 1928 §7',
    expects: "drops datagrams that come from another address than the client's",
    run: async (trial) => {
      if (trial.subject.host !== '127.0.0.1') throw new NotApplicable('needs a server on 127.0.0.1');
      const app = await echo(trial);
      const association = await Association.open(trial);
      const stranger = trial.use(await UdpSocket.bind(STRANGER));
      const strange = payload('stranger');
      association.send(datagram(trial.appHost, app.port, strange), stranger);
      await association.exchange(trial.appHost, app.port, payload('client'));
      association.send(datagram(trial.appHost, app.port, strange), stranger);
      await association.exchange(trial.appHost, app.port, payload('again'));
      expectUnseen(app, strange, 'a datagram of a stranger');
    },
  },
  {
    name: 'udp/stranger-port',
    section: 'practice',
    expects: 'drops datagrams from another port, once that of the client is known',
    run: async (trial) => {
      const app = await echo(trial);
      const association = await Association.open(trial);
      await association.exchange(trial.appHost, app.port, payload('client'));
      const stranger = trial.use(await UdpSocket.bind('0.0.0.0'));
      const strange = payload('stranger');
      association.send(datagram(trial.appHost, app.port, strange), stranger);
      await association.exchange(trial.appHost, app.port, payload('again'));
      expectUnseen(app, strange, 'a datagram of a stranger');
    },
  },
  {
    name: 'udp/ends-with-connection',
    section: 'RFC 1928 §7',
    expects: 'relays nothing any more when the TCP connection has ended',
    run: async (trial) => {
      const app = await echo(trial);
      const association = await Association.open(trial);
      await association.exchange(trial.appHost, app.port, payload('before'));
      association.wire.socket.destroy();
      // The end takes a moment to be known; the limit of the check is the limit of that.
      for (;;) {
        const late = payload('after');
        association.send(Buffer.concat([Buffer.from([0, 0, 0]), addressField(trial.appHost, app.port), late]));
        if ((await association.answer(late)) === undefined) return;
      }
    },
  },
];
