// The configuration in YAML: the same settings, errors that say where, and nothing that YAML can do to hurt.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { z } from 'zod';
import { jsonSchemaOf } from '../../scripts/config-reference.ts';
import { Home } from '../../src/config/home.ts';
import { explainConfig, loadConfig } from '../../src/config/load.ts';
import { ServerConfig } from '../../src/config/schema.ts';
import { parseYaml } from '../../src/config/yaml.ts';
import { DepotError } from '../../src/errors.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { run } from '../support/programs.ts';

const SOURCE = path.join(import.meta.dirname, '../../src/config/load.ts');

const load = (t: TestContext, text: string, name = 'config.yaml'): Promise<ServerConfig> => {
  const home = Home.at(temporaryDirectory(t));
  writeFileSync(path.join(home.directory, name), text);
  return loadConfig(ServerConfig, { flags: {}, env: {}, ...home.configFiles(undefined) });
};

const complaint = async (t: TestContext, text: string): Promise<string> => {
  try {
    await load(t, text);
  } catch (error) {
    assert.ok(error instanceof DepotError && error.code === 'invalid-config', String(error));
    return error.message;
  }
  return assert.fail('this configuration was taken');
};

const EXAMPLE = `# yaml-language-server: $schema=./node_modules/depot-socks/schema/server.json
advertise: vps.example
socksPort: 1080 # for clients
rules:
  - deny *:25
  - allow *
groups:
  homes: { locals: [nas, office], policy: least-busy }
`;

describe('a configuration in YAML', () => {
  for (const name of ['config.yaml', 'config.yml']) {
    it(`is read from ${name} in the home`, async (t) => {
      const { advertise, socksPort, rules, groups, controlPort } = await load(t, EXAMPLE, name);
      assert.deepEqual([advertise, socksPort, controlPort], ['vps.example', 1080, 8964]);
      assert.deepEqual(rules, ['deny *:25', 'allow *']);
      assert.deepEqual(groups, { homes: { locals: ['nas', 'office'], policy: 'least-busy' } });
    });
  }

  it('may say nothing', async (t) => {
    for (const text of ['', '# advertise: vps.example\n', '---\n', '{}'])
      assert.equal((await load(t, text)).socksPort, 8864);
  });

  it('may be a file of any place, by its name', async (t) => {
    const file = path.join(temporaryDirectory(t), 'depot.YML');
    writeFileSync(file, 'socksPort: 7');
    const sources = { flags: {}, env: {}, ...Home.at('/nowhere').configFiles(file) };
    assert.equal((await loadConfig(ServerConfig, sources)).socksPort, 7);
  });

  it('tells where each setting came from, with its line', async (t) => {
    const file = path.join(temporaryDirectory(t), 'config.yaml');
    writeFileSync(file, EXAMPLE);
    const settings = await explainConfig(ServerConfig, { flags: {}, env: {}, files: [file], required: true });
    const from = (wanted: string): unknown => settings.find(({ key }) => key === wanted)?.from;
    assert.equal(from('rules'), `${file}:4:1: rules`);
    assert.equal(from('host'), null);
  });

  it('beside one in JSON is refused, for one of them would count for nothing', async (t) => {
    const home = Home.at(temporaryDirectory(t));
    for (const name of ['config.json', 'config.yaml']) writeFileSync(path.join(home.directory, name), '{}');
    await assert.rejects(loadConfig(ServerConfig, { flags: {}, env: {}, ...home.configFiles(undefined) }), {
      code: 'invalid-config',
      message: /config\.json and .*config\.yaml; depot reads one/,
    });
  });

  it('is what the published JSON Schema takes, so that editors judge it as depot does', () => {
    const schema = z.fromJSONSchema(jsonSchemaOf('server'));
    assert.equal(schema.safeParse(parseYaml(EXAMPLE).value).success, true);
    for (const wrong of ['socksPort: "1080"', 'hots: x', 'webDisabled: no'])
      assert.equal(schema.safeParse(parseYaml(wrong).value).success, false, wrong);
  });
});

it('costs nothing where there is none: what reads YAML is not loaded then', async (t) => {
  const file = path.join(temporaryDirectory(t), 'config.yaml');
  writeFileSync(file, 'allow: []');
  const json = path.join(temporaryDirectory(t), 'config.json');
  writeFileSync(json, '{}');
  const code = `
    import { createRequire } from 'node:module';
    import { loadConfig } from ${JSON.stringify(SOURCE)};
    import { LocalConfig } from ${JSON.stringify(SOURCE.replace('load.ts', 'schema.ts'))};
    const isLoaded = () => Object.keys(createRequire(${JSON.stringify(SOURCE)}).cache).some((file) => file.includes('/yaml/'));
    const load = (file) => loadConfig(LocalConfig, { flags: {}, env: {}, files: [file], required: false });
    await load('/nowhere/config.yaml');
    await load(${JSON.stringify(json)});
    const before = isLoaded();
    await load(${JSON.stringify(file)});
    console.log(before, isLoaded());`;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', code]);
  assert.equal(stdout, 'false true\n', stderr);
});

describe('what is wrong in YAML', () => {
  const WRONG: readonly (readonly [what: string, text: string, says: RegExp])[] = [
    ['a key that is unknown', 'host: a\nsockPort: 1', /config\.yaml:2:1: sockPort: .*Did you mean socksPort\?/],
    ['a value of the wrong kind', 'socksPort: "80"', /config\.yaml:1:1: socksPort: .*number/],
    ['one inside a setting', 'host: a\ngroups:\n  b: {}', /config\.yaml:2:1: groups\.b\.locals: /],
    ['no, which YAML 1.1 takes for false', 'webDisabled: no', /webDisabled: .*boolean/],
    ['a list', '- a', /has to hold keys and their values/],
    ['a list that does not end', 'host: a\nrules: [1', /is no YAML: .*\(line 2, column \d+\)/],
    ['a tab', 'groups:\n\ta: 1', /is no YAML: Tabs .*\(line 2, column 1\)/],
    ['a key that comes twice', 'host: a\nhost: b', /is no YAML: .*unique \(line 2, column 1\)/],
    ['two documents', 'host: a\n---\nhost: b', /One document is expected, not several \(line 2, column 1\)/],
    ['a tag of somebody else', 'host: !!js/function "x"', /is no YAML: .*tag.*\(line 1, column 7\)/],
    ['a name for nothing', 'host: *a', /Nothing before this is called &a \(line 1, column 7\)/],
    ['YAML 1.1', '%YAML 1.1\n---\nwebDisabled: no', /YAML 1\.2 is expected/],
    ['a merge, which YAML 1.2 does not know', 'groups: &a {}\n<<: *a', /:2:1: <<: there is no such key/],
    ['what every object has', '__proto__: {}', /:1:1: __proto__: there is no such key/],
  ];
  for (const [what, text, says] of WRONG)
    it(`${what}: the file, the line and what is expected are named`, async (t) =>
      assert.match(await complaint(t, text), says));

  it('is said without the text that stands there, which may be a secret', async (t) => {
    assert.doesNotMatch(await complaint(t, 'webhookUrl: "https://example.com/s3cret'), /s3cret/);
  });

  it('cannot fill the memory or the stack', async (t) => {
    const letters = Array.from('abcdefghi');
    const bomb = letters.map(
      (name, index) =>
        `${name}: &${name} [${letters.map(() => (index === 0 ? '9' : `*${letters[index - 1]}`)).join()}]`,
    );
    assert.match(await complaint(t, bomb.join('\n')), /is no YAML: .*alias/);
    assert.match(await complaint(t, '['.repeat(100_000)), /is no YAML/);
    assert.match(await complaint(t, 'groups: &a { b: *a }'), /groups/);
  });

  it('fails with nothing but invalid-config, whatever it is', async (t) => {
    const file = path.join(temporaryDirectory(t), 'config.yaml');
    const piece = fc.constantFrom(
      ...'host: rules: - [ ] { } & * ! | > % @ " \' # \n \t , ? a 1 ~ --- <<'.split(' '),
      ' ',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        writeFileSync(file, pieces.join(''));
        await loadConfig(ServerConfig, { flags: {}, env: {}, files: [file], required: true }).catch((error: unknown) =>
          assert.ok(error instanceof DepotError && error.code === 'invalid-config', String(error)),
        );
      }),
    );
  });
});
