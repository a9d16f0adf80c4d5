// Requests and replies: RFC 1928, sections 4 to 6.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { App } from '../../support/apps.ts';
import { addressField, request, type Wire } from '../../support/socks-client.ts';
import { SilentApp } from '../../support/silent-app.ts';
import {
  type Check,
  COMMAND_NOT_SUPPORTED,
  expectClosed,
  expectEcho,
  expectReply,
  NotApplicable,
  type Trial,
} from '../trial.ts';

const ADDRESS_TYPE_NOT_SUPPORTED = 8;
const UNKNOWN = 9;
/** A server that answers before the app does needs no longer than this on one machine. */
const LIAR_MS = 300;
const IN_TIME_MS = 15_000;

/** Sends a request that is wrong and reads what is left of the connection: a reply with this REP, or none at all. */
const refusal = async (trial: Trial, bytes: Uint8Array): Promise<number | undefined> => {
  const wire = await trial.admitted();
  wire.write(bytes);
  const reply = await wire.readReply().catch(() => undefined);
  await expectClosed(wire);
  return reply?.reply;
};

const expectRefusal = async (trial: Trial, host: string, port: number, expected: number): Promise<void> => {
  const [wire, { reply }] = await trial.ask(host, port);
  expectReply(reply, expected);
  await expectClosed(wire);
};

/** The first of these addresses that this machine cannot dial with just this errno. */
const unreachable = async (trial: Trial, errno: string, candidates: readonly string[]): Promise<string> => {
  trial.requireSameMachine();
  for (const host of candidates) {
    const socket = net.connect({ host, port: 443, signal: AbortSignal.timeout(1000) });
    const [error] = await once(socket, 'error').catch((reason: unknown) => [reason]);
    socket.destroy();
    if ((error as NodeJS.ErrnoException).code === errno) return host;
  }
  throw new NotApplicable(`no address gives ${errno} here`);
};

const ipv6App = async (trial: Trial, serve: (socket: net.Socket) => void): Promise<App> => {
  trial.requireSameMachine();
  return trial.app(serve, '::1').catch(() => {
    throw new NotApplicable('this machine has no IPv6');
  });
};

/** Whoever listens on both loopbacks is reached whichever one a name stands for. */
const LOCALHOST = 'localhost';

const REQUESTS: readonly Check[] = [
  {
    name: 'request/ipv4',
    section: 'RFC 1928 §4',
    expects: 'connects to an IPv4 address',
    run: async (trial) => {
      if (!net.isIPv4(trial.appHost)) throw new NotApplicable('the apps have no IPv4 address');
      await expectEcho(await trial.open(await trial.echo()));
    },
  },
  {
    name: 'request/ipv6',
    section: 'RFC 1928 §4',
    expects: 'connects to an IPv6 address',
    run: async (trial) => {
      const app = await ipv6App(trial, (socket) => socket.pipe(socket));
      await expectEcho(await trial.open(app, '::1'));
    },
  },
  {
    name: 'request/domain',
    section: 'RFC 1928 §4',
    expects: 'resolves a name and connects to it',
    run: async (trial) => {
      const name = net.isIP(trial.appHost) === 0 ? trial.appHost : LOCALHOST;
      if (name === LOCALHOST) trial.requireSameMachine();
      await expectEcho(await trial.open(await trial.echo(), name));
    },
  },
  {
    name: 'request/address-as-name',
    section: 'practice',
    expects: 'connects to an IPv4 address that comes as a name',
    run: async (trial) => {
      if (!net.isIPv4(trial.appHost)) throw new NotApplicable('the apps have no IPv4 address');
      const app = await trial.echo();
      const wire = await trial.admitted();
      const port = Buffer.from([app.port >> 8, app.port & 0xff]);
      wire.write(Buffer.from([5, 1, 0, 3, trial.appHost.length]), Buffer.from(trial.appHost), port);
      expectReply((await wire.readReply()).reply, 0);
      await expectEcho(wire);
    },
  },
  {
    name: 'request/longest-name',
    section: 'RFC 1928 §5',
    expects: 'reads a name of 255 bytes, and says that it cannot be reached',
    run: async (trial) => {
      const [wire, { reply }] = await trial.ask(`${'a'.repeat(63)}.`.repeat(3) + 'b'.repeat(63), 80);
      assert.notEqual(reply, 0, 'REP 0 for a name that there is not');
      await expectClosed(wire);
    },
  },
  {
    name: 'request/empty-name',
    section: 'RFC 1928 §5',
    expects: 'refuses a name of length 0',
    run: async (trial) => {
      assert.notEqual(await refusal(trial, request('', 80)), 0, 'REP 0 for no name');
    },
  },
  {
    name: 'request/unknown-address-type',
    section: 'RFC 1928 §6',
    expects: 'REP 8 for an ATYP that there is not, then closes',
    run: async (trial) => {
      const reply = await refusal(trial, Buffer.from([5, 1, 0, UNKNOWN, 127, 0, 0, 1, 0, 80]));
      expectReply(reply, ADDRESS_TYPE_NOT_SUPPORTED);
    },
  },
  {
    name: 'request/unknown-command',
    section: 'RFC 1928 §6',
    expects: 'REP 7 for a CMD that there is not, then closes',
    run: async (trial) => {
      const reply = await refusal(trial, request(trial.appHost, 80, UNKNOWN));
      expectReply(reply, COMMAND_NOT_SUPPORTED);
    },
  },
  {
    name: 'request/version',
    section: 'RFC 1928 §4',
    expects: 'refuses a request of another version',
    run: async (trial) => {
      const app = await trial.echo();
      const bytes = Buffer.concat([Buffer.from([4, 1, 0]), addressField(trial.appHost, app.port)]);
      assert.notEqual(await refusal(trial, bytes), 0, 'REP 0');
    },
  },
  {
    name: 'request/reserved',
    section: 'practice',
    expects: 'does not look at RSV',
    run: async (trial) => {
      const app = await trial.echo();
      const wire = await trial.admitted();
      wire.write(Buffer.from([5, 1, 0x7f]), addressField(trial.appHost, app.port));
      expectReply((await wire.readReply()).reply, 0);
      await expectEcho(wire);
    },
  },
];

/** BND.ADDR and BND.PORT have to be what the app sees. */
const expectTruthful = async (trial: Trial, app: App, host: string): Promise<void> => {
  const [[, bound], seen] = await Promise.all([trial.ask(host, app.port), app.connection()]);
  expectReply(bound.reply, 0);
  const from = `${seen.remoteAddress?.replace(/^::ffff:/, '')} port ${seen.remotePort}`;
  const named = `${bound.host} port ${bound.port}`;
  assert.equal(named, from, `BND says ${named}, the app sees ${from}`);
};

const ignore = (): void => undefined;

/** An app that stays silent, and a request for it that is on its way. */
const askSilent = async (trial: Trial): Promise<[SilentApp, Wire]> => {
  const app = trial.use(await SilentApp.start(trial.subject.listenHost));
  const wire = await trial.admitted();
  wire.write(request(trial.appHost, app.port));
  return [app, wire];
};

const REPLIES: readonly Check[] = [
  {
    name: 'reply/bound',
    section: 'RFC 1928 §6',
    expects: 'BND.ADDR and BND.PORT are the address that the app sees',
    run: async (trial) => expectTruthful(trial, await trial.app(ignore), trial.appHost),
  },
  {
    name: 'reply/bound-ipv6',
    section: 'RFC 1928 §6',
    expects: 'BND.ADDR and BND.PORT too where the app is reached over IPv6',
    run: async (trial) => expectTruthful(trial, await ipv6App(trial, ignore), '::1'),
  },
  {
    name: 'reply/not-before-the-app',
    section: 'RFC 1928 §6',
    expects: 'no success before the app has accepted, and success when it has',
    run: async (trial) => {
      const [app, wire] = await askSilent(trial);
      const reply = wire.readReply();
      const early = await Promise.race([reply, sleep(LIAR_MS)]);
      assert.equal(early, undefined, `REP ${early?.reply} while the app was silent`);
      app.answer();
      expectReply((await reply).reply, 0);
      await expectEcho(wire);
    },
  },
  {
    name: 'reply/silent-app',
    section: 'RFC 1928 §6',
    expects: 'a failure (not "refused") within 15 s where the app never answers',
    limitMs: IN_TIME_MS,
    run: async (trial) => {
      const [, wire] = await askSilent(trial);
      const { reply } = await wire.readReply();
      assert.ok(reply !== 0 && reply !== 5, `REP ${reply} for an app that never answers`);
    },
  },
  {
    name: 'reply/refused',
    section: 'RFC 1928 §6',
    expects: 'REP 5 where the app refuses, then closes',
    run: async (trial) => expectRefusal(trial, trial.appHost, await App.closedPort(), 5),
  },
  {
    name: 'reply/name-unknown',
    section: 'RFC 1928 §6',
    expects: 'REP 4 for a name that there is not',
    run: (trial) => expectRefusal(trial, 'no-such-host.invalid', 80, 4),
  },
  {
    name: 'reply/host-unreachable',
    section: 'RFC 1928 §6',
    expects: 'REP 4 for a host without a route',
    run: async (trial) => expectRefusal(trial, await unreachable(trial, 'EHOSTUNREACH', ['198.51.100.1']), 443, 4),
  },
  {
    name: 'reply/network-unreachable',
    section: 'RFC 1928 §6',
    expects: 'REP 3 for a network without a route',
    run: async (trial) =>
      expectRefusal(trial, await unreachable(trial, 'ENETUNREACH', ['192.0.2.1', '224.0.0.1']), 443, 3),
  },
  {
    name: 'reply/not-allowed',
    section: 'RFC 1928 §6',
    expects: 'REP 2 for what its rules forbid',
    run: async (trial) => {
      const { forbidden } = trial.subject;
      if (forbidden === undefined) throw new NotApplicable('nothing forbidden was named');
      await expectRefusal(trial, forbidden.host, forbidden.port, 2);
    },
  },
];

export const REQUEST_CHECKS: readonly Check[] = [...REQUESTS, ...REPLIES];
