import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PublishedPorts } from '../../src/entry/published.ts';
import { DepotError } from '../../src/errors.ts';
import { logOf } from '../../src/log.ts';
import { Descriptors } from '../../src/net/descriptors.ts';
import { FairShare } from '../../src/net/fair-share.ts';
import { Streams } from '../../src/net/streams.ts';
import { LOOPBACK } from '../support/depot.ts';
import { UdpPeer } from '../support/udp.ts';

test('a UDP port that was yielded and cannot be taken back costs no other port, and is told of', async () => {
  const descriptors = new Descriptors(logOf(undefined, 'error'));
  const settings = { udpIdleMs: 1000, streamsMax: 10, udpQueueBytes: 1024, udpPeersMax: 10 };
  const unforeseen: unknown[] = [];
  const ports = new PublishedPorts({
    streams: new Streams(() => new Promise<never>(() => undefined), { settings, descriptors }),
    share: new FairShare(),
    descriptors,
    settings,
    defaultHost: LOOPBACK,
    onTurnedAway: () => undefined,
    onUnforeseen: (error) => unforeseen.push(error),
  });
  const udp = await UdpPeer.freePort();
  const wanted = [
    { listen: 0, to: 'nas.depot:22' },
    { listen: udp, to: 'nas.depot:53', protocol: 'udp' as const },
  ];
  const protocols = (): string[] => ports.all.map(({ status }) => status.protocol);
  await (
    await ports.change(wanted)
  )();
  assert.deepEqual(protocols(), ['tcp', 'udp']);
  ports.yieldDatagrams(new DepotError('stopped', 'another process has it'));
  assert.deepEqual(protocols(), ['tcp']);
  {
    await using _thief = await UdpPeer.bind(LOOPBACK, udp);
    await ports.takeBack(wanted);
    assert.deepEqual(
      [protocols(), unforeseen.map((error) => (error as DepotError).code)],
      [['tcp'], ['address-in-use']],
    );
  }
  await ports.takeBack(wanted);
  assert.deepEqual([protocols(), unforeseen.length], [['tcp', 'udp'], 1]);
  ports.close();
});
