// Too few files for everybody who comes: streams are refused, and what keeps the place running is not.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { Stage, untilSo } from '../faults/fault.ts';
import { descriptorsOf, Gateway } from '../faults/gateway.ts';
import { App } from '../support/apps.ts';
import { depot } from '../support/cli.ts';
import { ask } from '../support/api.ts';
import { LOOPBACK } from '../support/depot.ts';
import { handshake } from '../support/socks-client.ts';

const FILES = 256;
const CLIENTS = 1000;
const LONGEST_MS = 20_000;
const FEW_FILES = ['sh', '-c', `ulimit -n ${FILES} && exec "$@"`, 'sh'];
const stage = new Stage(1, 1, false);

/** Clients that have a stream each, and hold it; undefined where one was refused, with REP or without a word. */
const holdStreams = async (gateway: Gateway, port: number): Promise<(net.Socket | number | undefined)[]> => {
  const held: (net.Socket | number | undefined)[] = [];
  while (held.length < CLIENTS) {
    const some = Array.from({ length: 100 }, () =>
      handshake(gateway.target(port)).then(
        ([wire, { reply }]) => (reply === 0 ? wire.socket : reply),
        () => undefined,
      ),
    );
    held.push(...(await Promise.all(some)));
  }
  return held;
};

const isSocket = (one: unknown): one is net.Socket => one instanceof net.Socket;

const statusOf = async (port: number): Promise<number> => (await ask({ host: LOOPBACK, port }, '/healthz')).status;

test('a server with 256 files and 1000 clients that stay: everything but new streams goes on', async () => {
  const serverArguments = ['--log-level', 'warn'];
  await using gateway = await Gateway.start({ stage, serverThrough: FEW_FILES, serverArguments });
  await using app = await App.echo();
  await gateway.join();
  assert.match(gateway.server.stderr, /"event":"descriptors-few","limit":256/);
  const before = await gateway.status();
  const held = await holdStreams(gateway, app.port);
  const streams = held.filter(isSocket);
  assert.ok(streams.length > 100 && streams.length < FILES, `${streams.length} streams`);

  const during = await gateway.status();
  assert.equal(during.locals[0]?.since, before.locals[0]?.since, 'the control connection lives');
  assert.ok(during.descriptors.refused > 0);
  assert.equal(await statusOf(during.ports.web ?? 0), 200);
  await gateway.join('another');
  assert.equal(await gateway.works(app.port, 'another'), false, 'there is no room for a stream');
  const lines = gateway.server.stderr.match(/"event":"descriptors-short"/g) ?? [];
  assert.equal(lines.length, 1, gateway.server.stderr);
  assert.match((await depot(['status', '--home', gateway.home])).stdout, /connections were refused: only 256 files/);

  for (const socket of streams) socket.destroy();
  for (const local of ['home', 'another']) {
    assert.notEqual(await untilSo(() => gateway.works(app.port, local), LONGEST_MS), Number.POSITIVE_INFINITY);
  }
  assert.equal(gateway.server.child.exitCode, null);
});

test('a server with 256 files and 1000 strangers who say nothing: users come in all the while', async () => {
  await using gateway = await Gateway.start({ stage, serverThrough: FEW_FILES });
  await using app = await App.echo();
  await gateway.join();
  const { socksPort, controlPort } = gateway.printed;
  const strangers = Array.from({ length: CLIENTS }, (_, number) =>
    net.connect({ host: LOOPBACK, port: number % 2 === 0 ? socksPort : controlPort }).on('error', () => undefined),
  );
  for (let left = 20; left > 0; left -= 1) assert.equal(await gateway.works(app.port), true);
  assert.ok(descriptorsOf(gateway.server) < FILES - FILES / 16, 'some are left');
  await gateway.join('another');
  for (const socket of strangers) socket.destroy();
});

test('a local with 256 files and 1000 streams asked of it: refused with REP 1, and its link and its admin socket live', async () => {
  await using gateway = await Gateway.start({ stage, localThrough: FEW_FILES });
  await using app = await App.echo();
  const local = await gateway.join();
  const since = (await gateway.status()).locals[0]?.since;
  const held = await holdStreams(gateway, app.port);
  const streams = held.filter(isSocket);
  assert.ok(streams.length > 100 && streams.length < FILES, `${streams.length} streams`);
  assert.deepEqual(new Set(held.filter((one) => !isSocket(one))), new Set([1]));
  assert.ok(descriptorsOf(local) < FILES - FILES / 16, 'some are left');
  assert.equal((await gateway.status()).locals[0]?.since, since);
  const told = await depot(['status', '--home', gateway.homeOf()]);
  assert.match(told.stdout, /connections were refused: only 256 files/);
  assert.equal((local.stderr.match(/"event":"descriptors-short"/g) ?? []).length, 1, local.stderr);

  for (const socket of streams) socket.destroy();
  assert.notEqual(await untilSo(() => gateway.works(app.port), LONGEST_MS), Number.POSITIVE_INFINITY);
});
