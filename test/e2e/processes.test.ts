// Server and local as processes: what a user pastes, what is left when one is killed, how they end.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { App, collect, ending } from '../support/apps.ts';
import { BIN, depot, start, startLocal, startNewServer, startServer } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { curl, Program, run } from '../support/programs.ts';
import { handshake, openStream } from '../support/socks-client.ts';

/** Contract: a request for a local that is gone is refused this soon after. */
const REFUSED_MS = 1000;

const helloApp = (): Promise<App> =>
  App.listen((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'));
  });

/** An HTTP answer without an end. Resolves with its socket once a good part of it was sent. */
const endlessApp = async (): Promise<{ app: App; underWay: Promise<net.Socket> } & AsyncDisposable> => {
  const underWay = Promise.withResolvers<net.Socket>();
  const chunk = Buffer.alloc(64 * 1024, 'depot');
  const app = await App.listen((socket) => {
    const more = (): void => {
      if (socket.bytesWritten > 4_000_000) underWay.resolve(socket);
      if (!socket.destroyed) socket.write(chunk, () => more());
    };
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n');
    more();
  });
  return { app, underWay: underWay.promise, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
};

/** Resolves once nobody listens on a port any more. */
const refusesConnections = async (port: number): Promise<void> => {
  for (;;) {
    const probe = net.connect(port, LOOPBACK);
    const refused = await new Promise<boolean>((resolve) => {
      probe.once('connect', () => resolve(false));
      probe.once('error', () => resolve(true));
    });
    probe.destroy();
    if (refused) return;
  }
};

/** Both roles as processes, connected, with homes of their own. */
const startBoth = async (...serverArguments: readonly string[]) => {
  const stack = new AsyncDisposableStack();
  const [serverHome, localHome] = [stack.use(tempDir()).path, stack.use(tempDir()).path];
  const [server, printed] = await startNewServer(serverHome, ...serverArguments);
  stack.use(server);
  const local = stack.use(await startLocal(localHome, printed.link));
  const { login, socksPort } = printed;
  const proxy = `socks5h://${login.user}:${login.password}@${LOOPBACK}:${socksPort}`;
  return { server, local, printed, proxy, serverHome, localHome, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

describe('the first start', () => {
  test('prints lines that work when they are pasted', async () => {
    using homes = tempDir();
    await using app = await helloApp();
    const [server, printed] = await startNewServer(path.join(homes.path, 'server'));
    await using _ = server;
    // What an installation puts into the PATH.
    const command = path.join(homes.path, 'depot');
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
    chmodSync(command, 0o755);
    const env = { PATH: `${homes.path}:${process.env['PATH']}`, DEPOT_HOME: path.join(homes.path, 'local') };
    await using local = new Program('sh', ['-c', `exec ${printed.joinLine}`], { env });
    await local.says(/connected to .* as home/);
    const { code, stdout, stderr } = await run('sh', [
      '-c',
      printed.curlLine.replace('home.depot/', `home.depot:${app.port}/`),
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'hello');
  });

  test('names the ports and the fingerprint that the server really has, and shows its secrets only once', async () => {
    using home = tempDir();
    const [server, printed] = await startNewServer(home.path);
    const status = JSON.parse((await depot(['status', '--json', '--home', home.path])).stdout) as {
      ports: { socks: number; control: number };
      fingerprint: string;
    };
    assert.deepEqual(
      { ports: [printed.socksPort, printed.controlPort], fingerprint: printed.fingerprint },
      { ports: [status.ports.socks, status.ports.control], fingerprint: status.fingerprint },
    );
    assert.equal((await server.stop('SIGTERM')).code, 0);
    await using again = await startServer(home.path);
    const { stdout } = await again.stop('SIGTERM');
    assert.match(stdout, new RegExp(printed.fingerprint), 'the identity stays');
    assert.doesNotMatch(stdout, /password|depot:\/\//);
  });

  test('leaves nothing that others can read', async () => {
    await using both = await startBoth();
    for (const home of [both.serverHome, both.localHome]) {
      for (const name of readdirSync(home)) {
        const { stdout } = await run('stat', ['-c', '%a', path.join(home, name)]);
        assert.match(stdout, /^[67]00\n$/, `${path.join(home, name)} is ${stdout}`);
      }
    }
  });
});

describe('secrets', () => {
  const cmdline = ({ pid }: Program): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');

  test('are in no command line, even where the link was an argument', async () => {
    using home = tempDir();
    using localHome = tempDir();
    const [server, printed] = await startNewServer(home.path);
    await using _ = server;
    await using local = start(['local', printed.link, '--home', localHome.path]);
    await local.says(/connected to/);
    const secret = /\/\/([\w-]+)@/.exec(printed.link)?.[1] ?? '';
    assert.ok(secret.length > 20);
    for (const program of [server, local]) {
      assert.match(cmdline(program), /depot|node/);
      assert.ok(!cmdline(program).includes(secret), 'the invitation is visible to everybody on this machine');
      assert.ok(!cmdline(program).includes(printed.login.password));
    }
  });

  test('are in no log', async () => {
    await using both = await startBoth('--log-level', 'debug');
    await using app = await helloApp();
    assert.equal((await curl(both.proxy, `http://home.depot:${app.port}/`)).code, 0);
    assert.equal((await curl(both.proxy.replace(/:[^:@]+@/, ':guess-1234@'), 'http://home.depot/')).code, 97);
    const secret = /\/\/([\w-]+)@/.exec(both.printed.link)?.[1] ?? '';
    const [server, local] = [await both.server.stop('SIGTERM'), await both.local.stop('SIGTERM')];
    assert.match(server.stderr, /turned-away/);
    for (const log of [server.stderr, local.stderr, local.stdout]) {
      for (const hidden of [both.printed.login.password, secret, 'guess-1234']) assert.ok(!log.includes(hidden), log);
    }
  });
});

describe('killed', () => {
  test('the local, in the middle of a transfer: its client sees an error, the next one is refused at once', async () => {
    await using both = await startBoth();
    await using endless = await endlessApp();
    const transfer = curl(both.proxy, '-o', '/dev/null', `http://home.depot:${endless.app.port}/`);
    await endless.underWay;
    await both.local.stop('SIGKILL');
    const killedMs = performance.now();
    const { socksPort, login } = both.printed;
    const [wire, { reply }] = await handshake({ socksPort, login, host: 'home.depot', port: endless.app.port });
    wire[Symbol.dispose]();
    const tookMs = performance.now() - killedMs;
    assert.equal(reply, 1);
    assert.ok(tookMs < REFUSED_MS, `refused after ${tookMs} ms`);
    const { code, stderr } = await transfer;
    assert.notEqual(code, 0, 'curl believes that it got everything');
    assert.notEqual(code, 28, `curl waited until its own time limit: ${stderr}`);
  });

  test('the local, and started again: it is back without a link', async () => {
    await using both = await startBoth();
    await using app = await helloApp();
    await both.local.stop('SIGKILL');
    await using again = await startLocal(both.localHome);
    assert.equal((await curl(both.proxy, `http://home.depot:${app.port}/`)).stdout, 'hello');
    assert.equal((await again.stop('SIGTERM')).code, 0);
  });

  test('the server, and started again: the local comes back by itself, and everything works as before', async () => {
    await using both = await startBoth();
    await using endless = await endlessApp();
    await using app = await helloApp();
    const transfer = curl(both.proxy, '-o', '/dev/null', `http://home.depot:${endless.app.port}/`);
    const atApp = ending(await endless.underWay);
    await both.server.stop('SIGKILL');
    assert.equal(await atApp, 'rst', 'the app sees an abort');
    const { code } = await transfer;
    assert.ok(code !== 0 && code !== 28, `curl ended with ${code}`);
    const { socksPort, controlPort } = both.printed;
    const ports = ['--socks-port', `${socksPort}`, '--control-port', `${controlPort}`, '--web-port', '0'];
    await using again = await startServer(both.serverHome, ...ports);
    await again.says(/local-up/);
    assert.equal((await curl(both.proxy, `http://home.depot:${app.port}/`)).stdout, 'hello');
    assert.equal(both.local.child.exitCode, null, 'the same local as before');
  });
});

describe('ended', () => {
  for (const role of ['server', 'local'] as const) {
    test(`the ${role} with SIGTERM: a running stream goes on to its end`, async () => {
      await using both = await startBoth();
      await using app = await App.listen(() => undefined);
      const { socksPort, login } = both.printed;
      const connection = app.connection();
      const client = await openStream({ socksPort, login, host: 'home.depot', port: app.port });
      const served = await connection;
      both[role].child.kill('SIGTERM');
      // Its last sign before it drains is that it takes nothing new.
      if (role === 'server') await refusesConnections(socksPort);
      for (let round = 0; round < 20; round += 1) {
        client.write(`round ${round}`);
        served.resume();
        const [bytes] = (await once(served, 'data')) as [Buffer];
        assert.equal(String(bytes), `round ${round}`);
      }
      assert.equal(both[role].child.exitCode, null, 'it waits for the stream');
      client.end('last words');
      assert.equal((await collect(served)).toString(), 'last words');
      served.end('goodbye');
      assert.equal((await collect(client)).toString(), 'goodbye');
      assert.equal((await both[role].finished).code, 0);
    });

    test(`the ${role} with SIGTERM twice: at once, and its streams with an error`, async () => {
      await using both = await startBoth();
      await using app = await App.listen(() => undefined);
      const { socksPort, login } = both.printed;
      const client = await openStream({ socksPort, login, host: 'home.depot', port: app.port });
      const seen = ending(client);
      both[role].child.kill('SIGTERM');
      // Two that come too close count as one: whoever answers a question has seen the first.
      const home = role === 'server' ? both.serverHome : both.localHome;
      assert.match((await depot(['status', '--home', home])).stdout, /1 busy/);
      both[role].child.kill('SIGTERM');
      assert.equal((await both[role].finished).code, 0);
      assert.equal(await seen, 'rst');
    });

    test(`the ${role} with SIGINT: at once, with 130`, async () => {
      await using both = await startBoth();
      assert.equal((await both[role].stop('SIGINT')).code, 130);
    });
  }
});

test('depot demo prints a line that works, and Ctrl-C leaves nothing behind', async () => {
  using temporary = tempDir();
  await using demo = start(['demo'], { TMPDIR: temporary.path });
  const [, line = ''] = await demo.says(/^ +(curl .*)$/m);
  await demo.says(/Ctrl-C/);
  assert.equal(readdirSync(temporary.path).length, 1, 'it has its temporary home');
  const { code, stdout, stderr } = await run('sh', ['-c', line]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /Hello from behind the NAT/);
  assert.equal((await demo.stop('SIGINT')).code, 130);
  assert.deepEqual(readdirSync(temporary.path), []);
});
