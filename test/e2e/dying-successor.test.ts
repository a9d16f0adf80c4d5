// A process that is to take a server's place and is killed on the way: the server takes back what it gave, and nobody
// loses a stream. Killed once it serves, it is a server that was killed, and the one before carries its streams to their end.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { untilSo } from '../faults/fault.ts';
import { App, collect, echoed } from '../support/apps.ts';
import { depot, parseFirstStart, start, startLocal } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { openStream, type Target } from '../support/socks-client.ts';
import { UdpPeer } from '../support/udp.ts';

const PRELOADED = path.join(import.meta.dirname, '../support/dying-successor.ts');

/** How long something that needs no more than its turn may take. */
const SOON_MS = 20_000;
/** What it hears, or says (!), when it is killed: before it has ports, with one, with those of the link, and so on. */
const STAGES = ['offer', 'port 0', 'port 1', 'links', 'arrived!', 'serving!'];

/** More streams than there are idle tunnels, and then as many idle ones again. */
const keepsTunnelsReady = async (home: string, target: Target): Promise<void> => {
  const streams = await Promise.all(Array.from({ length: 6 }, () => openStream(target)));
  const isReady = async (): Promise<boolean> => {
    const { stdout } = await depot(['status', '--json', '--home', home]);
    const { locals } = JSON.parse(stdout) as { locals: { tunnels: { idle: number } }[] };
    return (locals[0]?.tunnels.idle ?? 0) >= 4;
  };
  assert.notEqual(await untilSo(isReady, SOON_MS), Infinity);
  for (const stream of streams) stream.destroy();
};

test('whenever it is killed', async () => {
  using homes = tempDir();
  await using app = await App.echo();
  await using datagrams = await UdpPeer.bind();
  await using peer = await UdpPeer.bind();
  const udp = await UdpPeer.freePort();
  const [home, stage] = [path.join(homes.path, 's'), path.join(homes.path, 'stage')];
  const ports = ['socks', 'control', 'tunnel', 'web'].flatMap((port) => [`--${port}-port`, '0']);
  const publish = ['--publish', `${udp}/udp=home.depot:${datagrams.port}`];
  await using server = start(['server', '--home', home, '--host', LOOPBACK, ...ports, ...publish], {
    NODE_OPTIONS: `--import=${PRELOADED}`,
    DEPOT_TEST_DIES_AT: stage,
  });
  await server.says(/curl .*\n/);
  const { socksPort, login, link } = parseFirstStart(server.stdout);
  await using _local = await startLocal(path.join(homes.path, 'l'), link);
  const target = { socksPort, login, host: 'home.depot', port: app.port };
  const lasting = await openStream(target);

  for (const at of STAGES) {
    writeFileSync(stage, at);
    const { code, stderr } = await depot(['upgrade', '--home', home]);
    assert.equal(code, 1, at);
    assert.match(stderr, /did not take over: the new process ended\. The old one goes on\./, at);
    await echoed(lasting, `after ${at}`);
    if (at === 'port 0') await keepsTunnelsReady(home, target);
    const stream = await openStream(target);
    await echoed(stream, `new after ${at}`);
    stream.destroy();
    peer.send(`datagram after ${at}`, udp);
    assert.equal(String((await datagrams.next()).data), `datagram after ${at}`);
  }

  writeFileSync(stage, 'never');
  const { code, stdout, stderr } = await depot(['upgrade', '--json', '--home', home]);
  assert.equal(code, 0, stderr);
  const { pid } = JSON.parse(stdout) as { pid: number };
  const stream = await openStream(target);
  await echoed(stream, 'through the new process');
  process.kill(pid, 'SIGKILL');
  await echoed(lasting, 'through the old one');
  const answer = collect(lasting);
  lasting.end('last words');
  assert.equal(String(await answer), 'last words');
  assert.equal((await server.finished).code, 0);
});
