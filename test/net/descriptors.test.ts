import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import { devNull } from 'node:os';
import { test } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { descriptorLimit, Descriptors } from '../../src/net/descriptors.ts';
import { UdpSocket } from '../../src/net/udp-socket.ts';
import { LOOPBACK } from '../support/depot.ts';
import { run } from '../support/programs.ts';
import { recordedLog } from '../support/recorded-log.ts';

/** The number that the next file gets. */
const nextNumber = (): number => {
  const next = openSync(devNull, 'r');
  closeSync(next);
  return next;
};

test('the limit is the one of this process', async () => {
  const { stdout } = await run('sh', ['-c', 'ulimit -Sn']);
  assert.equal(descriptorLimit(), Number(stdout));
});

test('a quarter is reserved, 1024 at most; bounds follow the rest, and a low limit is said at the start', () => {
  const { log, names } = recordedLog();
  const few = new Descriptors(log, 256);
  assert.deepEqual(few.status, { limit: 256, reserved: 64, refused: 0 });
  assert.equal(few.atMost(4000, 1 / 2), 96);
  assert.equal(few.atMost(50, 1 / 2), 50);
  assert.equal(few.ofReserve(500), 16);
  assert.deepEqual(names(), ['descriptors-few']);
  const many = new Descriptors(log, 100_000);
  assert.equal(many.status.reserved, 1024);
  assert.equal(many.atMost(4000, 1 / 2), 4000);
  assert.deepEqual(names(), ['descriptors-few']);
});

test('a socket with a number of the reserve is refused, one with a lower number is not, and the log hears of it once', async () => {
  const { log, names } = recordedLog();
  const server = net.createServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  // Three quarters of the limit are for streams; the limit is such that these end just above what is open now.
  const line = Math.ceil(nextNumber() / 3) * 3;
  const padding: number[] = [];
  while (nextNumber() < line - 1) padding.push(openSync(devNull, 'r'));
  const descriptors = new Descriptors(log, (line / 3) * 4);
  const below = net.connect({ host: LOOPBACK, port });
  const [peerOfBelow] = (await once(server, 'connection')) as [net.Socket];
  assert.equal(descriptors.refusal(below, 'stream'), undefined);
  assert.equal(descriptors.shortage()?.code, 'limit-reached');
  assert.equal(descriptors.refusal(peerOfBelow, 'stream')?.code, 'limit-reached');
  assert.equal(descriptors.refusal(peerOfBelow, 'knock'), undefined, 'half of the reserve is for those who knock');
  const dialed = net.connect({ host: LOOPBACK, port });
  descriptors.endReserved(dialed);
  const [error] = (await once(dialed, 'error')) as [DepotError];
  assert.equal(error.code, 'limit-reached');
  const options = { queueBytes: 1000, descriptors, onDatagram: () => undefined, onError: () => undefined };
  await assert.rejects(UdpSocket.bind(LOOPBACK, [0, 0], options), { code: 'limit-reached' });
  const failed = Promise.withResolvers<DepotError>();
  const udp = UdpSocket.towards(LOOPBACK, { ...options, onError: failed.resolve });
  udp.send(Buffer.from('x'), { host: LOOPBACK, port: 9 }, () => undefined);
  assert.equal((await failed.promise).code, 'limit-reached');
  udp.close();

  assert.equal(descriptors.status.refused, 5);
  assert.deepEqual(names(), ['descriptors-few', 'descriptors-short']);
  below.destroy();
  peerOfBelow.destroy();
  server.close();
  padding.forEach((number) => closeSync(number));
});
