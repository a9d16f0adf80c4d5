// Greeting and authentication: RFC 1928, section 3, and RFC 1929.

import assert from 'node:assert/strict';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { credentials, greeting, request, type Wire } from '../../support/socks-client.ts';
import {
  type Check,
  expectClosed,
  expectEcho,
  expectReply,
  expectText,
  METHOD_PASSWORD,
  type Trial,
} from '../trial.ts';

/** A method that is reserved for private use, and nobody's. */
const PRIVATE_METHOD = 0x80;
/** Long enough that most servers read each byte by itself. Nothing is waited for. */
const BETWEEN_BYTES_MS = 2;

const drip = async (wire: Wire, bytes: Uint8Array): Promise<void> => {
  for (const byte of bytes) {
    wire.write(Buffer.of(byte));
    await sleep(BETWEEN_BYTES_MS);
  }
};

const expectMethod = async (trial: Trial, offered: readonly number[], allowed: readonly number[]): Promise<Wire> => {
  const wire = await trial.connect();
  wire.write(greeting(...offered));
  const [version, method] = await wire.read(2);
  assert.equal(version, 5, `VER ${version} in the answer`);
  assert.ok(allowed.includes(method ?? -1), `METHOD ${method} of ${offered.slice(0, 4).join()}`);
  return wire;
};

const noneAcceptable = (trial: Trial): readonly number[] =>
  trial.method === METHOD_PASSWORD ? [0, PRIVATE_METHOD] : [PRIVATE_METHOD];

/** Sends a password message. What is no success has to be followed by the end (RFC 1929, section 2). */
const expectRejected = async (trial: Trial, message: Uint8Array): Promise<void> => {
  assert.ok(trial.login);
  const wire = await expectMethod(trial, [METHOD_PASSWORD], [METHOD_PASSWORD]);
  wire.write(message);
  await expectClosed(wire, /^(01(?!00)..)?$/);
};

const HANDSHAKE: readonly Check[] = [
  {
    name: 'greeting/method',
    section: 'RFC 1928 §3',
    expects: 'chooses the method that the client and it have in common',
    run: async (trial) => {
      await expectMethod(trial, [trial.method], [trial.method]);
    },
  },
  {
    name: 'greeting/255-methods',
    section: 'RFC 1928 §3',
    expects: 'reads all methods that are offered, and chooses one of them',
    run: async (trial) => {
      const all = Array.from({ length: 255 }, (_, method) => method);
      await expectMethod(trial, all, trial.method === METHOD_PASSWORD ? [METHOD_PASSWORD] : [0, METHOD_PASSWORD]);
    },
  },
  {
    name: 'greeting/none-acceptable',
    section: 'RFC 1928 §3',
    expects: 'METHOD FF where none is acceptable',
    run: async (trial) => {
      await expectMethod(trial, noneAcceptable(trial), [0xff]);
    },
  },
  {
    name: 'greeting/none-acceptable-closes',
    section: 'practice',
    expects: 'closes after METHOD FF, also where the client does not',
    run: async (trial) => {
      const wire = await trial.connect();
      wire.write(greeting(...noneAcceptable(trial)));
      await expectClosed(wire, /^(05ff)?$/);
    },
  },
  {
    name: 'greeting/no-methods',
    section: 'RFC 1928 §3',
    expects: 'METHOD FF, or closes, where none is offered',
    run: async (trial) => {
      const wire = await trial.connect();
      wire.write(greeting());
      await expectClosed(wire, /^(05ff)?$/);
    },
  },
  {
    name: 'greeting/version',
    section: 'RFC 1928 §3',
    expects: 'closes on a version that there is not, and chooses no method',
    run: async (trial) => {
      const wire = await trial.connect();
      wire.write(Buffer.from([6, 1, trial.method]));
      await expectClosed(wire, /^(05ff)?$/);
    },
  },
  {
    name: 'greeting/byte-by-byte',
    section: 'RFC 1928 §3–6',
    expects: 'reads messages whose bytes come one by one',
    run: async (trial) => {
      const app = await trial.echo();
      const wire = await trial.connect();
      for (const [message, answerLength] of trial.opening) {
        await drip(wire, message);
        const [, answer] = await wire.read(answerLength);
        assert.notEqual(answer, 0xff, 'the server does not let us in');
      }
      await drip(wire, request(trial.appHost, app.port));
      expectReply((await wire.readReply()).reply, 0);
      await expectEcho(wire);
    },
  },
  {
    name: 'greeting/all-at-once',
    section: 'practice',
    expects: 'reads greeting, password, request and data that come in one segment',
    run: async (trial) => {
      const app = await trial.echo();
      const wire = await trial.connect();
      wire.write(...trial.opening.map(([message]) => message), request(trial.appHost, app.port), Buffer.from('early'));
      for (const [, answerLength] of trial.opening) await wire.read(answerLength);
      expectReply((await wire.readReply()).reply, 0);
      expectText(await wire.read(5), 'early', 'the client');
    },
  },
  {
    name: 'password/accepted',
    section: 'RFC 1929 §2',
    expects: '01 00 for the right password',
    run: async (trial) => {
      const message = credentials(trial.login);
      const wire = await expectMethod(trial, [METHOD_PASSWORD], [METHOD_PASSWORD]);
      wire.write(message);
      const answer = (await wire.read(2)).toString('hex');
      assert.equal(answer, '0100', `${answer} instead of 0100`);
    },
  },
];

const wrong = (name: string, expects: string, message: (trial: Trial) => Uint8Array): Check => ({
  name,
  section: 'RFC 1929 §2',
  expects,
  guesses: true,
  limitMs: 20_000,
  run: (trial) => expectRejected(trial, message(trial)),
});

const WRONG_PASSWORDS: readonly Check[] = [
  wrong('password/wrong', 'a status that is not 0 for a wrong password, then closes', ({ login }) =>
    credentials({ ...login, password: `not ${login.password}`.slice(0, 255) }),
  ),
  wrong('password/unknown-user', 'a status that is not 0 for an unknown user, then closes', ({ login }) =>
    credentials({ ...login, user: 'nobody-of-this-name' }),
  ),
  wrong('password/empty-fields', 'fields of length 0 are read, and refused', () => Buffer.from([1, 0, 0])),
  wrong('password/longest-fields', 'fields of 255 bytes are read, and refused where wrong', () =>
    credentials({ user: 'u'.repeat(255), password: 'p'.repeat(255) }),
  ),
  wrong('password/version', 'refuses a password message of another version', ({ login }) =>
    Buffer.concat([Buffer.of(9), credentials(login).subarray(1)]),
  ),
  {
    name: 'password/wrong-with-request',
    section: 'RFC 1929 §2',
    expects: 'does not act on a request that came along with a wrong password',
    guesses: true,
    limitMs: 20_000,
    run: async (trial) => {
      let reached = false;
      const app = await trial.app((socket) => {
        reached = true;
        socket.end();
      });
      const password = `not ${trial.login.password}`.slice(0, 255);
      await expectRejected(
        trial,
        Buffer.concat([credentials({ ...trial.login, password }), request(trial.appHost, app.port)]),
      );
      await turn();
      assert.ok(!reached, 'the app was reached');
    },
  },
];

export const HANDSHAKE_CHECKS: readonly Check[] = [...HANDSHAKE, ...WRONG_PASSWORDS];
