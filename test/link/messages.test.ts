import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { z } from 'zod';
import { DepotError } from '../../src/errors.ts';
import {
  Control,
  errorOf,
  Failure,
  failureOf,
  Hello,
  localName,
  Open,
  Opened,
  parseMessage,
  Welcome,
} from '../../src/link/messages.ts';

const bytesOf = (message: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(message));

const isViolation = (error: unknown): boolean => error instanceof DepotError && error.code === 'protocol-violation';

const open = { command: 'connect', destination: { host: 'nas.lan', port: 80 }, user: 'alice', from: '192.0.2.1' };
const welcome = { version: 1, name: 'nas', software: 'depot/1', tunnelPort: 8964 };
const client = { purpose: 'client', device: 'laptop', versions: [1], software: 'depot/1', platform: 'linux-x64' };
const control = { purpose: 'control', versions: [1], software: 'depot/1', platform: 'linux-x64' };

interface Row {
  readonly schema: z.ZodType;
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
}

const TABLE: Readonly<Record<string, Row>> = {
  hello: {
    schema: Hello,
    good: [
      control,
      { ...control, invitation: 'secret' },
      client,
      { ...client, invitation: 'secret' },
      { purpose: 'tunnel', id: 'abc' },
    ],
    bad: [
      {},
      { purpose: 'other' },
      { purpose: 'tunnel' },
      { ...client, device: undefined },
      { ...client, device: 'x'.repeat(256) },
      { ...client, versions: [] },
      { ...control, versions: [] },
      { ...control, versions: ['1'] },
      { ...control, versions: Array.from({ length: 33 }, () => 1) },
      { ...control, software: 'x'.repeat(101) },
      { ...control, invitation: 'x'.repeat(201) },
      { purpose: 'tunnel', id: 'x'.repeat(201) },
    ],
  },
  welcome: {
    schema: Welcome,
    good: [welcome, { ...welcome, user: 'alice@example' }, { ...welcome, time: 1_767_225_600_000 }],
    bad: [
      { ...welcome, name: 'NAS' },
      { ...welcome, name: '' },
      { ...welcome, user: '' },
      { ...welcome, user: 'a/b' },
      { ...welcome, tunnelPort: 65536 },
      { ...welcome, tunnelPort: -1 },
      { ...welcome, time: -1 },
      { ...welcome, time: 1e300 },
      { ...welcome, version: 1.5 },
      { ...welcome, version: undefined },
    ],
  },
  open: {
    schema: Open,
    good: [
      open,
      { ...open, command: 'bind' },
      { ...open, command: 'associate' },
      { ...open, command: 'resolve-ptr' },
      { ...open, destination: { host: 'x'.repeat(255), port: 0 } },
    ],
    bad: [
      { ...open, command: 'accept' },
      { ...open, destination: { host: '', port: 80 } },
      { ...open, destination: { host: 'x'.repeat(256), port: 80 } },
      { ...open, destination: { host: 'a', port: 65536 } },
      { ...open, destination: { host: 'a', port: 1.5 } },
      { ...open, destination: undefined },
      { ...open, user: 'x'.repeat(301) },
      { ...open, from: '' },
    ],
  },
  opened: {
    schema: Opened,
    good: [{ bound: { host: '127.0.0.1', port: 1 } }],
    bad: [{}, { bound: '127.0.0.1:1' }, { bound: { host: '127.0.0.1' } }],
  },
  failure: {
    schema: Failure,
    good: [{ code: 'connection-refused', message: 'no' }],
    bad: [{ code: 'connection-refused' }, { message: 'no' }, { code: 5, message: 'no' }],
  },
  control: {
    schema: Control,
    good: [
      { type: 'tunnels', ids: [] },
      { type: 'tunnels', ids: ['a', 'b'] },
      { type: 'request', tunnel: 'a', open },
    ],
    bad: [
      { type: 'other' },
      { type: 'tunnels' },
      { type: 'tunnels', ids: Array.from({ length: 257 }, () => 'a') },
      { type: 'tunnels', ids: ['x'.repeat(201)] },
      { type: 'request', tunnel: 'a' },
    ],
  },
};

describe('the messages of the link', () => {
  for (const [name, { schema, good, bad }] of Object.entries(TABLE)) {
    for (const message of good) {
      it(`${name}: ${JSON.stringify(message).slice(0, 80)} is read`, () => {
        assert.deepEqual(parseMessage(schema, bytesOf(message)), JSON.parse(JSON.stringify(message)));
      });
    }
    for (const message of bad) {
      it(`${name}: ${JSON.stringify(message).slice(0, 80)} is a violation`, () => {
        assert.throws(() => parseMessage(schema, bytesOf(message)), isViolation);
      });
    }
    it(`${name}: throws nothing but a violation, whatever the JSON`, () => {
      fc.assert(
        fc.property(fc.json(), (json) => {
          try {
            parseMessage(schema, new TextEncoder().encode(json));
          } catch (error) {
            assert.ok(isViolation(error), String(error));
          }
        }),
      );
    });
  }

  it('may have keys of a newer version, which are left out', () => {
    assert.deepEqual(parseMessage(Open, bytesOf({ ...open, weather: 'fine' })), open);
  });

  it('have to be JSON in UTF-8', () => {
    assert.throws(() => parseMessage(Opened, Uint8Array.of(0xff, 0xfe)), isViolation);
    assert.throws(() => parseMessage(Opened, new TextEncoder().encode('{')), isViolation);
    assert.throws(() => parseMessage(Opened, new Uint8Array()), isViolation);
  });
});

describe('the name of a local', () => {
  for (const name of ['a', 'nas', 'nas-2', '0', 'a'.repeat(63)]) {
    it(`may be ${name}`, () => assert.ok(localName.safeParse(name).success));
  }
  for (const name of ['', '-nas', 'nas-', 'NAS', 'n.as', 'n_as', 'näs', 'a'.repeat(64), 'nas\n']) {
    it(`may not be ${JSON.stringify(name)}`, () => assert.ok(!localName.safeParse(name).success));
  }
});

describe('failures on the wire', () => {
  it('come back with their code and message', () => {
    const error = new DepotError('connection-refused', '10.0.0.1:80: ECONNREFUSED', { cause: new Error('secret') });
    const back = errorOf(parseMessage(Failure, bytesOf(failureOf(error))));
    assert.ok(back instanceof DepotError);
    assert.deepEqual([back.code, back.message], [error.code, error.message]);
    assert.equal(back.reply, error.reply);
  });

  it('that are unknown here are failures of our own', () => {
    for (const code of ['invented-later', 'toString', '__proto__', '']) {
      const back = errorOf(parseMessage(Failure, bytesOf({ code, message: 'no' })));
      assert.equal(back.code, 'internal');
      assert.equal(back.reply, 1);
    }
  });

  it('are cut to what the other side will read', () => {
    const failure = failureOf(new DepotError('internal', 'x'.repeat(5000)));
    assert.equal(parseMessage(Failure, bytesOf(failure)).message.length, 1000);
  });
});
