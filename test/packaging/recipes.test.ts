// packaging/docker and packaging/launchd: what they start is what depot has, run here word by word. There is no Docker
// and no launchd where tests run; what those add (an image, a user, restarts) is not tried.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { BIN, parseFirstStart } from '../support/cli.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { Program, run } from '../support/programs.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const PACKAGING = path.join(ROOT, 'packaging');
const settings = (
  JSON.parse(readFileSync(path.join(ROOT, 'schema/server.json'), 'utf8')) as {
    readonly properties: Readonly<Record<'socksPort' | 'controlPort' | 'drainMs', { readonly default: number }>>;
  }
).properties;
/** What stops depot has to wait for longer than streams have to end. */
const DRAIN_S = settings.drainMs.default / 1000;

const read = (name: string): string => readFileSync(path.join(PACKAGING, name), 'utf8');

/** A place of its own, with a `depot` on its PATH as an installation has it. */
class Place implements Disposable {
  readonly #directory = tempDir();
  readonly home = path.join(this.#directory.path, 'home');
  readonly env: NodeJS.ProcessEnv;

  constructor() {
    const bin = path.join(this.#directory.path, 'bin');
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'depot'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
    this.env = {
      PATH: `${bin}:${process.env['PATH']}`,
      HOME: this.#directory.path,
      DEPOT_HOME: this.home,
      DEPOT_HOST: LOOPBACK,
      DEPOT_SOCKS_PORT: '0',
      DEPOT_CONTROL_PORT: '0',
      DEPOT_WEB_PORT: '0',
    };
  }

  start([program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    return new Program(program, args, { env: { ...this.env, ...env } });
  }

  async exitCodeOf([program = '', ...args]: readonly string[]): Promise<number> {
    return (await run(program, args, { env: this.env })).code;
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

const dockerfile = read('docker/Dockerfile').replaceAll('\\\n', '');
/** The JSON words of an instruction. */
const wordsOf = (instruction: RegExp): string[] => {
  const [, words] = instruction.exec(dockerfile) ?? [];
  assert.ok(words, `there is no ${instruction.source}`);
  return JSON.parse(words) as string[];
};
const entrypoint = wordsOf(/^ENTRYPOINT (.*)$/m);
const command = wordsOf(/^CMD (.*)$/m);
const healthCheck = wordsOf(/^HEALTHCHECK .*CMD (.*)$/m);

interface Service {
  readonly command: readonly string[];
  readonly volumes: readonly string[];
  readonly stop_grace_period: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly ports?: readonly string[];
}

const serviceOf = (role: 'server' | 'local'): Service => {
  const file = parse(read(`docker/compose.${role}.yaml`)) as { services: Record<string, Service | undefined> };
  const service = file.services[role];
  assert.ok(service);
  return service;
};

/** A word as compose would fill it in. */
const filled = (words: readonly string[], value: string): string[] =>
  words.map((word) => word.replace(/^\$\{\w+:\?[^}]*\}$/, value));

describe('the container', () => {
  test('is made of files that a checkout and its build have', () => {
    const built = /^dist$/;
    const copied = [...dockerfile.matchAll(/^COPY --from=build (.*) \S+$/gm)].flatMap(([, files = '']) =>
      files.split(' '),
    );
    assert.deepEqual(
      copied
        .map((file) => path.relative('/depot', file))
        .filter((file) => !built.test(file) && !existsSync(path.join(ROOT, file))),
      [],
    );
    const ignored = readFileSync(path.join(ROOT, '.dockerignore'), 'utf8').split('\n');
    for (const needed of [
      'src',
      'web',
      'scripts',
      'bin',
      'package.json',
      'package-lock.json',
      'LICENSE',
      'tsconfig.json',
    ])
      assert.ok(!ignored.includes(needed), `${needed} is ignored, and needed to build`);
  });

  test('starts a server that is healthy while it runs, and not after', async () => {
    using place = new Place();
    assert.notEqual(await place.exitCodeOf(healthCheck), 0);
    await using server = place.start([...entrypoint, ...command]);
    await server.says(/curl .*\n/);
    assert.equal(await place.exitCodeOf(healthCheck), 0);
    assert.equal((await server.stop('SIGTERM')).code, 0);
    assert.notEqual(await place.exitCodeOf(healthCheck), 0);
  });

  test('keeps its home on a volume where the image has it, and opens the ports that depot has', () => {
    const [, home = ''] = /\bDEPOT_HOME=(\S+)/.exec(dockerfile) ?? [];
    assert.match(dockerfile, new RegExp(`^VOLUME ${home}$`, 'm'));
    for (const role of ['server', 'local'] as const) assert.deepEqual(serviceOf(role).volumes, [`${role}:${home}`]);
    const ports = [settings.socksPort.default, settings.controlPort.default];
    assert.match(dockerfile, new RegExp(`^EXPOSE ${ports.join(' ')}$`, 'm'));
    assert.deepEqual(
      serviceOf('server').ports,
      ports.map((port) => `${port}:${port}`),
    );
  });

  test('of compose: server and local as it starts them, confined, with time for streams to end', async () => {
    using place = new Place();
    using other = new Place();
    const [server, local] = [serviceOf('server'), serviceOf('local')];
    for (const service of [server, local]) {
      assert.ok(Number.parseInt(service.stop_grace_period, 10) > DRAIN_S);
      assert.deepEqual([service.read_only, service.cap_drop], [true, ['ALL']]);
    }
    await using running = place.start([...entrypoint, ...filled(server.command, LOOPBACK)]);
    await running.says(/curl .*\n/);
    const { link } = parseFirstStart(running.stdout);
    const start = [...entrypoint, ...filled(local.command, link)];
    {
      await using first = other.start(start);
      await first.says(/connected to/);
      assert.equal(await other.exitCodeOf(healthCheck), 0);
    }
    await using again = other.start(start);
    await again.says(/connected to/);
  });
});

describe('the agent of launchd', () => {
  interface Agent {
    readonly Label: string;
    readonly ProgramArguments: readonly string[];
    readonly EnvironmentVariables: { readonly PATH: string };
    readonly KeepAlive: { readonly SuccessfulExit: boolean };
    readonly ExitTimeOut: number;
  }
  const file = path.join(PACKAGING, 'launchd/depot.local.plist');
  /** As a reader of property lists sees it that we did not write. */
  const load = async (): Promise<Agent> => {
    const code = 'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))';
    const { code: exit, stdout, stderr } = await run('python3', ['-c', code, file]);
    assert.equal(exit, 0, stderr);
    return JSON.parse(stdout) as Agent;
  };

  test('is called as its file, finds Node where its program is, and gives streams time to end', async () => {
    const { Label, ProgramArguments, EnvironmentVariables, KeepAlive, ExitTimeOut } = await load();
    assert.equal(`${Label}.plist`, path.basename(file));
    assert.ok(EnvironmentVariables.PATH.split(':').includes(path.dirname(ProgramArguments[0] ?? '')));
    assert.equal(KeepAlive.SuccessfulExit, false);
    assert.ok(ExitTimeOut > DRAIN_S);
  });

  test('starts a local that has joined', async () => {
    using place = new Place();
    await using depot = await Depot.server();
    {
      await using joining = place.start(['depot', 'local', depot.firstLink]);
      await joining.says(/connected to/);
    }
    const [program = '', ...args] = (await load()).ProgramArguments;
    await using local = place.start([path.basename(program), ...args]);
    await local.says(/connected to/);
    assert.equal((await local.stop('SIGTERM')).code, 0);
  });
});
