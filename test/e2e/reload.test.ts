// The configuration read again while streams run: what is wrong changes nothing, what is tightened ends what it forbids.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { DepotServer, StreamEnd } from '../../src/index.ts';
import { App, echoed, ending } from '../support/apps.ts';
import { BIN, depot as depotCommand, startNewServer } from '../support/cli.ts';
import { Depot, LOOPBACK, tempDir, writeConfig } from '../support/depot.ts';
import { Program } from '../support/programs.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { handshake, openStream } from '../support/socks-client.ts';

const endOf = async (server: DepotServer): Promise<StreamEnd> => {
  const [end] = (await once(server.events, 'streamEnd')) as [StreamEnd];
  return end;
};

describe('a reload', () => {
  test('100 times under load, half of them wrong, drops no stream', async () => {
    using home = tempDir();
    await using app = await App.echo();
    await using depot = await Depot.pair({ home: home.path });
    const target = depot.target(LOOPBACK, app.port);
    const sockets = await Promise.all(Array.from({ length: 10 }, () => openStream(target)));
    for (let round = 0; round < 100; round += 1) {
      const isGood = round % 2 === 0;
      writeConfig(
        home.path,
        isGood ? { rules: [`deny *:${round + 1}`, 'allow *'], drainMs: round + 1 } : { rules: ['perhaps *'] },
      );
      if (isGood) assert.deepEqual((await depot.server.reload()).restart, []);
      else await assert.rejects(depot.server.reload(), { code: 'invalid-config' });
      const socket = sockets[round % sockets.length];
      assert.ok(socket);
      await echoed(socket, `round ${round}`);
    }
    assert.equal(depot.server.status().streams.length, sockets.length);
    for (const socket of sockets) socket.destroy();
  });

  test('ends what tightened rules of the server forbid, and nothing else', async () => {
    using home = tempDir();
    await using forbidden = await App.echo();
    await using allowed = await App.echo();
    await using depot = await Depot.pair({ home: home.path });
    const target = { socksPort: depot.socksPort, login: depot.login, host: LOOPBACK };
    const going = await openStream({ ...target, port: forbidden.port });
    const staying = await openStream({ ...target, port: allowed.port });
    writeConfig(home.path, { rules: [`deny *:${forbidden.port}`, 'allow *'] });
    const ended = endOf(depot.server);
    const left = ending(going);
    assert.deepEqual(await depot.server.reload(), { applied: ['rules'], restart: [], ended: 1 });
    const { error } = await ended;
    assert.equal(error?.code, 'not-allowed');
    assert.match(error?.message ?? '', /"deny \*:\d+"/);
    assert.equal(await left, 'rst');
    await echoed(staying, 'still here');
    const [wire, { reply }] = await handshake({ ...target, port: forbidden.port });
    wire[Symbol.dispose]();
    assert.equal(reply, 2);
    staying.destroy();
  });

  test('ends what tightened rules of a local forbid, noticed by itself when the file is replaced', async () => {
    using home = tempDir();
    const { log, message } = recordedLog();
    await using forbidden = await App.echo();
    await using allowed = await App.echo();
    await using depot = await Depot.pair({}, { home: home.path, log });
    const going = await openStream(depot.target('localhost', forbidden.port));
    const staying = await openStream(depot.target('localhost', allowed.port));
    const left = ending(going);
    const reloaded = message('reloaded');
    writeConfig(home.path, { allow: [`localhost:${allowed.port}`] });
    assert.match(await reloaded, /allow changed/);
    assert.equal(await left, 'rst');
    await echoed(staying, 'still here');
    assert.deepEqual(depot.local.status().rules, [`localhost:${allowed.port}`]);
    staying.destroy();
  });

  test('keeps what it has where the file is gone or broken, and says which and why', async () => {
    using home = tempDir();
    writeConfig(home.path, { rules: ['deny *:9', 'allow *'] });
    await using depot = await Depot.pair({ home: home.path });
    const decide = (): boolean =>
      depot.server.decide({
        command: 'connect',
        destination: { host: LOOPBACK, port: 9 },
        user: depot.login.user,
        from: LOOPBACK,
      }).allowed;
    writeConfig(home.path, '{ "rules": [');
    await assert.rejects(depot.server.reload(), { code: 'invalid-config', message: /config\.json is no JSON/ });
    writeConfig(home.path, { ruls: [] });
    await assert.rejects(depot.server.reload(), {
      code: 'invalid-config',
      message: /ruls: there is no such key.*rules/,
    });
    writeConfig(home.path, { groups: { home: { locals: ['other'] } } });
    await assert.rejects(depot.server.reload(), { code: 'invalid-config', message: /a local and a group called home/ });
    rmSync(path.join(home.path, 'config.json'));
    await assert.rejects(depot.server.reload(), { code: 'invalid-config', message: /Cannot read .*ENOENT/ });
    assert.equal(decide(), false);
  });

  test('takes YAML too, notices it, and refuses two files', async () => {
    using home = tempDir();
    const { log, message } = recordedLog();
    await using depot = await Depot.pair({ home: home.path, log });
    const file = path.join(home.path, 'config.yaml');
    const reloaded = message('reloaded');
    writeFileSync(file, '# Only one rule.\nrules:\n  - allow *:80\n');
    assert.match(await reloaded, /rules changed/);
    writeFileSync(file, 'rules:\n  - perhaps *\n');
    await assert.rejects(depot.server.reload(), { code: 'invalid-config', message: /perhaps/ });
    writeFileSync(file, 'drainMs: 5\nrules: []\n');
    assert.deepEqual((await depot.server.reload()).applied.toSorted(), ['drainMs', 'rules']);
    writeConfig(home.path, { drainMs: 6 });
    await assert.rejects(depot.server.reload(), { code: 'invalid-config', message: /depot reads one/ });
    rmSync(file);
    assert.deepEqual((await depot.server.reload()).applied, ['drainMs']);
  });

  test('opens and closes published ports by what differs, under load, half of it wrong', async () => {
    using home = tempDir();
    await using app = await App.echo();
    await using depot = await Depot.pair({ home: home.path });
    const to = `home.depot:${app.port}`;
    const ports = (): number[] => depot.server.status().published.map(({ listen }) => Number(listen.split(':')[1]));
    const connect = async (port = 0): Promise<net.Socket> => {
      const socket = net.connect(port, LOOPBACK);
      await once(socket, 'connect');
      return socket;
    };
    const kept = { listen: 0, to };
    const changing = { listen: await App.closedPort(), to };
    writeConfig(home.path, { publish: [kept, changing] });
    assert.deepEqual(await depot.server.reload(), { applied: ['publish'], restart: [], ended: 0 });
    const [first] = ports();
    const staying = await connect(first);
    for (let round = 0; round < 40; round += 1) {
      const isGood = round % 2 === 0;
      const from = [round % 4 === 0 ? '127.0.0.0/8' : '127.0.0.1'];
      // Nobody may listen where the app does, so the good port beside it must not open either.
      const wrong = { publish: [kept, { listen: 0, to }, { listen: app.port, to }] };
      writeConfig(home.path, isGood ? { publish: [kept, { ...changing, from }] } : wrong);
      if (isGood) await depot.server.reload();
      else await assert.rejects(depot.server.reload(), { code: 'address-in-use' });
      assert.deepEqual(ports(), [first, changing.listen]);
      await echoed(staying, `round ${round}`);
    }
    const going = await connect(changing.listen);
    await echoed(going, 'for now');
    const [left, ended] = [ending(going), endOf(depot.server)];
    writeConfig(home.path, { publish: [kept] });
    assert.equal((await depot.server.reload()).ended, 1);
    assert.equal(await left, 'rst');
    const { error } = await ended;
    assert.deepEqual([error?.code, error?.message], ['not-allowed', 'this published port was closed']);
    await assert.rejects(connect(changing.listen), { code: 'ECONNREFUSED' });
    await echoed(staying, 'still here');
    staying.destroy();
  });

  test('opens no published port for a server that is about to stop', async () => {
    using home = tempDir();
    await using app = await App.echo();
    await using depot = await Depot.pair({ home: home.path });
    const last = await openStream(depot.target(LOOPBACK, app.port));
    const stopped = depot.server.stop({ drain: true });
    writeConfig(home.path, { publish: [{ listen: 0, to: `home.depot:${app.port}` }] });
    assert.deepEqual(await depot.server.reload(), { applied: ['publish'], restart: [], ended: 0 });
    assert.deepEqual(depot.server.status().published, []);
    last.destroy();
    await stopped;
  });

  test('of a file that cannot be looked at changes nothing, and says so', async () => {
    using home = tempDir();
    writeConfig(home.path, {});
    const { log, message } = recordedLog();
    await using _depot = await Depot.server({ home: home.path, log });
    const failed = message('reload-failed');
    symlinkSync('config.json', path.join(home.path, 'loop'));
    renameSync(path.join(home.path, 'loop'), path.join(home.path, 'config.json'));
    assert.match(await failed, /ELOOP/);
  });

  test('by command and by signal: what changed, what needs a restart, what is wrong', async () => {
    using home = tempDir();
    const [program] = await startNewServer(home.path);
    await using server = program;
    writeConfig(home.path, { logLevel: 'debug', webDisabled: true });
    const { code, stdout } = await depotCommand(['reload', '--home', home.path, '--json']);
    assert.equal(code, 0);
    const { restart } = JSON.parse(stdout) as { restart: string[] };
    assert.deepEqual(restart, ['webDisabled']);
    assert.match((await depotCommand(['reload', '--home', home.path])).stdout, /^needs a restart: webDisabled$/m);
    await server.says(/needs a restart: webDisabled/);
    writeConfig(home.path, { drainMs: 'soon' });
    const failed = await depotCommand(['reload', '--home', home.path]);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /config\.json: drainMs: /);
    writeConfig(home.path, { drainMs: 1234 });
    server.child.kill('SIGHUP');
    await server.says(/drainMs.* changed/);
    // That may have been the watch over the file; this time there is nothing new for it.
    server.child.kill('SIGHUP');
    await server.says(/again: nothing changed(?!;)/);
  });

  test('is what SIGHUP means without a terminal; on one that hangs up, the role ends', async () => {
    using home = tempDir();
    const [program] = await startNewServer(home.path);
    await program.stop('SIGTERM');
    const command = `exec '${process.execPath}' '${BIN}' server --home '${home.path}' --host 127.0.0.1 --socks-port 0 --control-port 0 --web-port 0`;
    await using terminal = new Program('script', ['-qec', command, '/dev/null']);
    await terminal.says(/fingerprint/);
    const { pid } = JSON.parse((await depotCommand(['status', '--json', '--home', home.path])).stdout) as {
      pid: number;
    };
    process.kill(pid, 'SIGHUP');
    assert.equal((await terminal.finished).code, 0);
  });
});
