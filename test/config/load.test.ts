import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { z } from 'zod';
import { flagOf, loadConfig } from '../../src/config/load.ts';
import { LocalConfig, ServerConfig } from '../../src/config/schema.ts';
import { DepotError } from '../../src/errors.ts';
import { temporaryDirectory } from '../support/directory.ts';

const Schema = z.strictObject({
  socksPort: z.int().min(0).max(65535).default(8864),
  host: z.string().min(1).default('::'),
  allowAnonymous: z.boolean().default(false),
  allow: z.array(z.string()).default([]),
  advertise: z.string().optional(),
});

interface Sources {
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: NodeJS.ProcessEnv;
  /** Text of the file; none where it is not given. */
  readonly file?: string;
  readonly required?: boolean;
}

const load = (
  t: TestContext,
  { flags = {}, env = {}, file, required = false }: Sources,
): Promise<z.output<typeof Schema>> => {
  const place = path.join(temporaryDirectory(t), 'config.json');
  if (file !== undefined) writeFileSync(place, file);
  return loadConfig(Schema, { flags, env, files: [place], required });
};

/** Loading fails with `invalid-config`; returns the lines of the message. */
const complaint = async (t: TestContext, sources: Sources): Promise<string> => {
  try {
    await load(t, sources);
  } catch (error) {
    assert.ok(error instanceof DepotError);
    assert.equal(error.code, 'invalid-config');
    return error.message;
  }
  return assert.fail('this configuration was taken');
};

describe('the configuration', () => {
  it('is the defaults where nothing is said', async (t) => {
    assert.deepEqual(await load(t, {}), { socksPort: 8864, host: '::', allowAnonymous: false, allow: [] });
  });

  it('takes a flag before a variable before the file before the default', async (t) => {
    const file = '{ "socksPort": 1 }';
    const env = { DEPOT_SOCKS_PORT: '2' };
    const flags = { socksPort: '3' };
    assert.equal((await load(t, { file })).socksPort, 1);
    assert.equal((await load(t, { file, env })).socksPort, 2);
    assert.equal((await load(t, { env })).socksPort, 2);
    assert.equal((await load(t, { file, env, flags })).socksPort, 3);
    assert.equal((await load(t, { flags, env })).socksPort, 3);
    assert.equal((await load(t, { file, flags: { socksPort: undefined } })).socksPort, 1);
  });

  it('mixes keys from every source', async (t) => {
    const config = await load(t, {
      file: '{ "host": "a", "advertise": "x" }',
      env: { DEPOT_ALLOW_ANONYMOUS: 'true' },
      flags: { allow: ['*.lan'] },
    });
    assert.deepEqual(config, {
      socksPort: 8864,
      host: 'a',
      advertise: 'x',
      allowAnonymous: true,
      allow: ['*.lan'],
    });
  });

  it('reads text as what the schema wants', async (t) => {
    for (const [text, value] of [
      ['true', true],
      ['1', true],
      ['false', false],
      ['0', false],
    ] as const) {
      assert.equal((await load(t, { env: { DEPOT_ALLOW_ANONYMOUS: text } })).allowAnonymous, value);
    }
    assert.deepEqual((await load(t, { env: { DEPOT_ALLOW: ' a  b:1\tc ' } })).allow, ['a', 'b:1', 'c']);
    assert.equal((await load(t, { env: { DEPOT_ADVERTISE: '123' } })).advertise, '123');
    assert.equal((await load(t, { flags: { allowAnonymous: true } })).allowAnonymous, true);
  });

  it('does not look at variables that are not its own', async (t) => {
    assert.equal((await load(t, { env: { SOCKS_PORT: 'x', DEPOT_OTHER: 'x', socksPort: 'x' } })).socksPort, 8864);
  });
});

describe('a key that is unknown', () => {
  it('is an error that names the place and the nearest one', async (t) => {
    assert.match(
      await complaint(t, { file: '{ "sockPort": 1 }' }),
      /config\.json: sockPort: .*Did you mean socksPort\?/,
    );
    assert.match(await complaint(t, { file: '{ "socks_port": 1 }' }), /Did you mean socksPort\?/);
  });

  it('lists what there is where nothing is near', async (t) => {
    assert.match(await complaint(t, { file: '{ "xyz": 1 }' }), /Known are: socksPort, host, allowAnonymous/);
  });

  it('is named however many there are', async (t) => {
    const message = await complaint(t, { file: '{ "sockPort": 1, "hosts": 1 }' });
    assert.match(message, /sockPort[^\n]*socksPort\?\n.*hosts[^\n]*host\?/);
  });

  it('is one too when it is called like something that every object has', async (t) => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      assert.match(await complaint(t, { file: `{ "${key}": 1 }` }), new RegExp(`config\\.json: ${key}: `));
    }
  });
});

describe('a value that is wrong', () => {
  const WRONG: readonly (readonly [what: string, sources: Sources, place: RegExp])[] = [
    ['a text for a port in the file', { file: '{ "socksPort": "80" }' }, /config\.json: socksPort: .*number/],
    ['a port that is too high', { file: '{ "socksPort": 65536 }' }, /config\.json: socksPort: .*65535/],
    ['no number in a variable', { env: { DEPOT_SOCKS_PORT: 'http' } }, /^DEPOT_SOCKS_PORT: .*number/],
    ['an empty variable', { env: { DEPOT_SOCKS_PORT: '' } }, /^DEPOT_SOCKS_PORT: /],
    ['no number in a flag', { flags: { socksPort: '8o' } }, /^--socks-port: .*number/],
    ['half a port', { flags: { socksPort: '80.5' } }, /^--socks-port: /],
    ['infinity', { flags: { socksPort: 'Infinity' } }, /^--socks-port: /],
    ['neither true nor false', { env: { DEPOT_ALLOW_ANONYMOUS: 'yes' } }, /^DEPOT_ALLOW_ANONYMOUS: .*boolean/],
    ['what every object has for true', { env: { DEPOT_ALLOW_ANONYMOUS: 'toString' } }, /^DEPOT_ALLOW_ANONYMOUS: /],
    ['an empty text', { env: { DEPOT_HOST: '' } }, /^DEPOT_HOST: /],
    ['null', { file: '{ "host": null }' }, /config\.json: host: .*string/],
    ['a list with a wrong item', { file: '{ "allow": ["a", 5] }' }, /config\.json: allow\[1\]: .*string/],
    ['a text for a list in the file', { file: '{ "allow": "a" }' }, /config\.json: allow: .*array/],
  ];
  for (const [what, sources, place] of WRONG) {
    it(`${what}: the place, the key and what is expected are named`, async (t) =>
      assert.match(await complaint(t, sources), place));
  }

  it('is named at the source that wins', async (t) => {
    const message = await complaint(t, { file: '{ "socksPort": "x" }', env: { DEPOT_SOCKS_PORT: 'y' } });
    assert.match(message, /^DEPOT_SOCKS_PORT: /);
  });

  it('does not matter where a better source wins', async (t) => {
    assert.equal((await load(t, { file: '{ "socksPort": "x" }', flags: { socksPort: '5' } })).socksPort, 5);
  });
});

describe('the file', () => {
  it('may be missing, but not when it was asked for', async (t) => {
    assert.equal((await load(t, { required: false })).socksPort, 8864);
    assert.match(await complaint(t, { required: true }), /Cannot read .*config\.json: ENOENT/);
  });

  it('has to be JSON, and an object', async (t) => {
    assert.match(await complaint(t, { file: '{ socksPort: 1 }' }), /config\.json is no JSON/);
    // The parser repeats a part of the file; a line of the log stays one.
    assert.match(await complaint(t, { file: '{\n  "socksPort":\n}\n' }), /^[^\n]*config\.json is no JSON[^\n]*$/);
    assert.match(await complaint(t, { file: '' }), /config\.json is no JSON/);
    for (const file of ['[]', 'null', '5', '"x"']) assert.match(await complaint(t, { file }), /one JSON object/);
  });

  it('fails with nothing but invalid-config, whatever is in it', async (t) => {
    const file = path.join(temporaryDirectory(t), 'config.json');
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        writeFileSync(file, json);
        try {
          await loadConfig(Schema, { flags: {}, env: {}, files: [file], required: true });
        } catch (error) {
          assert.ok(error instanceof DepotError && error.code === 'invalid-config', String(error));
        }
      }),
    );
  });
});

describe('the schemas', () => {
  it('give every key a flag, and no two keys the same', () => {
    for (const { shape } of [ServerConfig, LocalConfig]) {
      const flags = Object.keys(shape).map(flagOf);
      assert.equal(new Set(flags).size, flags.length);
      for (const flag of flags) assert.match(flag, /^--[a-z]+(-[a-z]+)*$/);
    }
  });

  it('describe every key, and have a unit in the name of every number that has one', () => {
    for (const { shape } of [ServerConfig, LocalConfig]) {
      for (const [key, field] of Object.entries(shape)) assert.ok((field.description ?? '').length > 5, key);
    }
    const numbers = Object.entries(ServerConfig.parse({})).filter(([, value]) => typeof value === 'number');
    for (const [key] of numbers) assert.match(key, /(Ms|Bytes|Port|Min|Max)$/);
  });

  it('have the defaults that are documented', () => {
    const server = ServerConfig.parse({});
    assert.equal(server.socksPort, 8864);
    assert.equal(server.controlPort, 8964);
    assert.equal(server.tunnelPort, undefined);
    assert.equal(server.allowAnonymous, false);
    assert.equal(server.invitationMs, 24 * 3600 * 1000);
    const local = LocalConfig.parse({});
    assert.deepEqual(local.allow, []);
    assert.equal(local.reconnectMinMs, 200);
    assert.equal(local.reconnectMaxMs, 10_000);
    for (const { handshakeMs, heartbeatMs, deadAfterMs, drainMs } of [server, local]) {
      assert.equal(handshakeMs, 10_000);
      assert.equal(heartbeatMs, 10_000);
      assert.equal(drainMs, 30_000);
      assert.ok(deadAfterMs > 2 * heartbeatMs && deadAfterMs <= 25_000);
    }
  });
});
