// The command line as scripts use it: standard input, output, errors and exit codes. Nothing but what was asked for is
// on stdout, and every error is one plain sentence on stderr.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createLocal, type DepotLocal } from '../../src/index.ts';
import { NO_LIMITS } from '../../src/rules/limits.ts';
import { App } from '../support/apps.ts';
import { BIN, depot, type Printed, startLocal, startNewServer } from '../support/cli.ts';
import { LOOPBACK, serverIn, tempDir } from '../support/depot.ts';
import { curl, type Finished, type Program, run } from '../support/programs.ts';
import { handshake } from '../support/socks-client.ts';

const LINK = /^depot:\/\/[\w-]{43}@127\.0\.0\.1:\d+\/[a-z0-9-]+#[\w-]{43}\n$/;
const PASSWORD = /^[\w-]{22}\n$/;

const succeeds = ({ code, stdout, stderr }: Finished): string => {
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
};

const fails = (expected: number, { code, stdout, stderr }: Finished): string => {
  assert.equal(code, expected, stderr);
  assert.equal(stdout, '');
  assert.doesNotMatch(stderr, / at .*\.ts:\d+/, 'a stack trace is no sentence');
  return stderr;
};

/** The same commands work through the admin socket and on the home of a server that does not run. */
const cases = { 'while the server runs': true, 'while it does not': false };
for (const [when, running] of Object.entries(cases)) {
  describe(when, () => {
    let home: ReturnType<typeof tempDir>;
    let server: Program;
    let printed: Printed;
    const on = (...args: readonly string[]): Promise<Finished> => depot([...args, '--home', home.path]);
    before(async () => {
      home = tempDir();
      [server, printed] = await startNewServer(home.path);
      if (running) return;
      await server.stop('SIGTERM');
      // What is to go into links is in the configuration, where commands find it without a server.
      const { socksPort, controlPort } = printed;
      const config = JSON.stringify({ host: LOOPBACK, socksPort, controlPort, webPort: 0 });
      writeFileSync(path.join(home.path, 'config.json'), config, { mode: 0o600 });
    });
    after(async () => {
      await server[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    });

    /** Whether a login is right: asked of the server where it runs, else of one that is started for it. */
    const accepts = async (user: string, password: string): Promise<boolean> => {
      const attempt = async (socksPort: number): Promise<boolean> => {
        try {
          const [wire] = await handshake({ socksPort, login: { user, password }, host: LOOPBACK, port: 1 });
          wire[Symbol.dispose]();
          return true;
        } catch (error) {
          assert.match(String(error), /wrong user or password/);
          return false;
        }
      };
      if (running) return attempt(printed.socksPort);
      await using ours = await serverIn(home.path);
      return await attempt(ours.address.socksPort);
    };

    test('invite prints the link alone', async () => {
      assert.match(succeeds(await on('invite', 'nas')), LINK);
    });

    test('invite refuses a name that is none', async () => {
      assert.match(fails(2, await on('invite', 'No Such Name')), /^depot: "No Such Name" is no name for a local/);
    });

    test('invite --user prints a link for a client of that user alone', async () => {
      assert.match(succeeds(await on('invite', '--user', 'owner')), /^depot:\/\/[^ ]+\/client\/owner#[\w-]{43}\n$/);
      assert.match(fails(1, await on('invite', '--user', 'nobody')), /^depot: There is no user nobody/);
    });

    test('invite wants to know who, once', async () => {
      assert.match(fails(2, await on('invite')), /^depot: Say who is invited/);
      assert.match(fails(2, await on('invite', 'nas', '--user', 'owner')), /^depot: Say who is invited/);
    });

    test('clients revoke of nobody fails', async () => {
      assert.match(fails(1, await on('clients', 'revoke', 'owner/attic')), /^depot: There is no client owner\/attic/);
      assert.match(fails(2, await on('clients', 'revoke', 'attic')), /^depot: "attic" names no client/);
    });

    test('user add prints the password alone, and it is right', async () => {
      const password = succeeds(await on('user', 'add', 'alice'));
      assert.match(password, PASSWORD);
      assert.equal(await accepts('alice', password.trim()), true);
    });

    test('user add twice fails, and changes nothing', async () => {
      const password = succeeds(await on('user', 'add', 'twice'));
      assert.match(fails(1, await on('user', 'add', 'twice')), /^depot: There is a user twice already/);
      assert.equal(await accepts('twice', password.trim()), true);
    });

    test('user add --password-stdin takes the password, whole, and does not repeat it', async () => {
      const args = ['user', 'add', 'bob', '--password-stdin', '--home', home.path];
      assert.equal(succeeds(await depot(args, { input: 'a pass phrase: ümläut \n' })), '');
      assert.equal(await accepts('bob', 'a pass phrase: ümläut '), true);
      assert.equal(await accepts('bob', 'a pass phrase: ümläut'), false);
    });

    test('user add --password-stdin refuses an empty one', async () => {
      const args = ['user', 'add', 'nobody', '--password-stdin', '--home', home.path];
      assert.match(fails(2, await depot(args, { input: '' })), /^depot: Standard input was empty/);
    });

    test('user passwd makes the old password useless at once', async () => {
      const old = succeeds(await on('user', 'add', 'carol')).trim();
      assert.equal(await accepts('carol', old), true);
      const fresh = succeeds(await on('user', 'passwd', 'carol')).trim();
      assert.notEqual(fresh, old);
      assert.equal(await accepts('carol', old), false);
      assert.equal(await accepts('carol', fresh), true);
      const args = ['user', 'passwd', 'carol', '--password-stdin', '--home', home.path];
      assert.equal(succeeds(await depot(args, { input: 'chosen' })), '');
      assert.equal(await accepts('carol', 'chosen'), true);
    });

    test('user remove locks the user out', async () => {
      const password = succeeds(await on('user', 'add', 'dave')).trim();
      assert.equal(succeeds(await on('user', 'remove', 'dave')), '');
      assert.equal(await accepts('dave', password), false);
      assert.match(fails(1, await on('user', 'remove', 'dave')), /^depot: There is no user dave/);
      assert.match(fails(1, await on('user', 'passwd', 'dave')), /^depot: There is no user dave/);
    });

    test('user list shows who there is, and nothing secret', async () => {
      succeeds(await on('user', 'add', 'erin', '--locals', 'nas,office'));
      const table = succeeds(await on('user', 'list'));
      assert.match(table, /^USER +LOCALS +SINCE$/m);
      assert.match(table, /^erin +nas,office +\d{4}-\d\d-\d\d$/m);
      assert.match(table, /^owner +all +/m);
      const users = JSON.parse(succeeds(await on('user', 'list', '--json'))) as Record<string, unknown>[];
      const erin = users.find(({ name }) => name === 'erin');
      assert.deepEqual(
        Object.keys(erin ?? {}).sort(),
        ['createdAt', ...Object.keys(NO_LIMITS), 'locals', 'name', 'usedBytes'].toSorted(),
      );
      assert.deepEqual(erin?.['locals'], ['nas', 'office']);
    });

    test('locals revoke of nobody fails', async () => {
      assert.match(fails(1, await on('locals', 'revoke', 'attic')), /^depot: There is no local attic/);
    });

    test('status says whether a server runs', async () => {
      if (running) assert.match(succeeds(await on('status')), /^depot server .*, up /);
      else assert.match(fails(1, await on('status')), /^depot: No depot runs with the home/);
    });
  });
}

describe('with a local that is connected', () => {
  let homes: ReturnType<typeof tempDir>;
  let server: Program;
  let local: Program;
  let printed: Printed;
  let proxy: string;
  const [serverHome, localHome] = ['server', 'local'];
  const on = (home: string, ...args: readonly string[]): Promise<Finished> =>
    depot([...args, '--home', path.join(homes.path, home)]);
  before(async () => {
    homes = tempDir();
    [server, printed] = await startNewServer(path.join(homes.path, serverHome));
    local = await startLocal(path.join(homes.path, localHome), printed.link);
    proxy = `socks5h://${printed.login.user}:${printed.login.password}@${LOOPBACK}:${printed.socksPort}`;
  });
  after(async () => {
    await local[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    homes[Symbol.dispose]();
  });

  test('status --json on both sides', async () => {
    const atServer = JSON.parse(succeeds(await on(serverHome, 'status', '--json'))) as {
      role: string;
      locals: { name: string; connected: boolean }[];
    };
    assert.equal(atServer.role, 'server');
    assert.deepEqual(
      atServer.locals.map(({ name, connected }) => ({ name, connected })),
      [{ name: 'home', connected: true }],
    );
    const atLocal = JSON.parse(succeeds(await on(localHome, 'status', '--json'))) as Record<string, unknown>;
    assert.deepEqual(
      { role: atLocal['role'], name: atLocal['name'], connected: atLocal['connected'] },
      { role: 'local', name: 'home', connected: true },
    );
    assert.match(succeeds(await on(localHome, 'status')), /^connected to 127\.0\.0\.1:\d+ as home for /m);
  });

  test('locals lists it', async () => {
    assert.match(succeeds(await on(serverHome, 'locals')), /^home +\d+ s ago +[\w-]{43}$/m);
    const [only] = JSON.parse(succeeds(await on(serverHome, 'locals', '--json'))) as { name: string }[];
    assert.equal(only?.name, 'home');
  });

  test('user remove ends the streams of the user at once', async () => {
    await using app = await App.listen(() => undefined);
    const password = succeeds(await on(serverHome, 'user', 'add', 'mallory')).trim();
    const login = { user: 'mallory', password };
    const [wire] = await handshake({ socksPort: printed.socksPort, login, host: 'home.depot', port: app.port });
    using _ = wire;
    succeeds(await on(serverHome, 'user', 'remove', 'mallory'));
    assert.equal(await wire.ending(), 'rst');
  });

  test('kick ends a stream, and says when there is none', async () => {
    await using app = await App.listen(() => undefined);
    const target = { socksPort: printed.socksPort, login: printed.login, host: 'home.depot', port: app.port };
    const [wire] = await handshake(target);
    using _ = wire;
    const { streams } = JSON.parse(succeeds(await on(serverHome, 'status', '--json'))) as { streams: { id: number }[] };
    succeeds(await on(serverHome, 'kick', `${streams[0]?.id}`));
    assert.equal(await wire.ending(), 'rst');
    assert.match(fails(1, await on(serverHome, 'kick', '999999')), /^depot: There is no stream/);
  });

  test('one home is one server, and one local', async () => {
    const { ports } = JSON.parse(succeeds(await on(serverHome, 'status', '--json'))) as {
      ports: { socks: number; control: number };
    };
    // With the same ports, too: it is the home that is the news, not that somebody has the ports.
    for (const [socks, control] of [
      [0, 0],
      [ports.socks, ports.control],
    ]) {
      const listening = ['--host', LOOPBACK, '--socks-port', `${socks}`, '--control-port', `${control}`];
      const again = await on(serverHome, 'server', ...listening, '--web-port', '0');
      assert.match(fails(1, again), /^depot: Another depot runs with this home/);
    }
    assert.match(fails(1, await on(localHome, 'local')), /^depot: Another depot runs with this home/);
    assert.match(fails(1, await on(localHome, 'server')), /^depot: .* is the home of a local/);
  });

  test('locals revoke cuts it off at once', async () => {
    assert.equal(succeeds(await on(serverHome, 'locals', 'revoke', 'home')), '');
    const { code, stderr } = await curl(proxy, 'http://home.depot/');
    assert.equal(code, 97);
    assert.match(stderr, /\(1\)/);
    await local.says(/unknown-local/);
  });
});

describe('what is wrong is said in one sentence, with what to do', () => {
  const inHome = async (config: string | undefined, ...args: readonly string[]): Promise<Finished> => {
    using home = tempDir();
    if (config !== undefined) writeFileSync(path.join(home.path, 'config.json'), config, { mode: 0o600 });
    return await depot([...args, '--home', home.path]);
  };
  const server = ['server', '--host', LOOPBACK, '--socks-port', '0', '--control-port', '0', '--web-port', '0'] as const;

  test('an unknown key names the nearest known one', async () => {
    const stderr = fails(1, await inHome('{ "sockPort": 1080 }', ...server));
    assert.match(stderr, /config\.json: sockPort: there is no such key\. Did you mean socksPort\?/);
  });

  test('a value of the wrong kind names the file and the key', async () => {
    assert.match(fails(1, await inHome('{ "drainMs": "soon" }', ...server)), /config\.json: drainMs: .*expected/);
  });

  test('a file that is no JSON', async () => {
    assert.match(fails(1, await inHome('{ "socksPort": ', ...server)), /config\.json is no JSON/);
  });

  test('a home that others can read', async () => {
    using home = tempDir();
    chmodSync(home.path, 0o755);
    assert.match(fails(1, await depot([...server, '--home', home.path])), /Mend it with: chmod 700/);
  });

  test('a port that is taken', async () => {
    await using app = await App.echo();
    const args = [
      'server',
      '--host',
      LOOPBACK,
      '--socks-port',
      `${app.port}`,
      '--control-port',
      '0',
      '--web-port',
      '0',
    ];
    assert.match(fails(1, await inHome(undefined, ...args)), new RegExp(`${app.port}.*--socks-port`));
  });

  test('a local without a link', async () => {
    assert.match(fails(2, await inHome(undefined, 'local')), /has not joined a server yet.*depot invite/);
  });

  test('a link that was cut off, without repeating it', async () => {
    const stderr = fails(2, await inHome(undefined, 'local', `depot://${'S'.repeat(43)}@host:1/home`));
    assert.match(stderr, /^depot: This is no join link/);
    assert.ok(!stderr.includes('SSSS'));
  });

  test('a rule that is none', async () => {
    const args = ['local', '--allow', '10.0.0.0/99', `depot://${'A'.repeat(43)}@127.0.0.1:1/home#${'A'.repeat(43)}`];
    assert.match(fails(1, await inHome(undefined, ...args)), /Rule "10\.0\.0\.0\/99"/);
  });

  test('a used link', async () => {
    using homes = tempDir();
    const [running, { link }] = await startNewServer(path.join(homes.path, 'server'));
    await using _ = running;
    await using first: DepotLocal = await createLocal({ home: path.join(homes.path, 'first'), link });
    await once(first.events, 'connected');
    const { code, stderr } = await depot(['local', link, '--home', path.join(homes.path, 'second')]);
    assert.equal(code, 1);
    assert.match(stderr, /depot: this join link was used before; make a new one with `depot invite NAME`/);
  });

  const usage = [
    [],
    ['nonsense'],
    ['server', '--nonsense'],
    ['server', '--socks-port', 'high'],
    ['user'],
    ['user', 'add'],
    ['user', 'nonsense'],
    ['locals', 'revoke'],
    ['clients', 'revoke'],
    ['invite', 'a', 'b'],
  ];
  for (const args of usage) {
    test(`usage: depot ${args.join(' ')}`, async () => {
      const stderr = fails(2, await depot(args));
      assert.notEqual(stderr, '');
    });
  }

  test('whoever stops reading gets no complaint', async () => {
    // The reader is gone before anything is written.
    const script = 'exec 3> >(exec true); wait $!; "$@" --help >&3';
    const { code, stderr } = await run('bash', ['-c', script, 'bash', process.execPath, BIN]);
    assert.equal(stderr, '');
    assert.equal(code, 0);
  });

  test('help and version are no errors', async () => {
    assert.match(succeeds(await depot(['--version'])), /^\d+\.\d+\.\d+\n$/);
    for (const args of [['--help'], ['server', '--help'], ['help', 'local']]) {
      assert.match(succeeds(await depot(args)), /^Usage: depot/);
    }
  });
});
