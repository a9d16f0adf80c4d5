import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { ClientConfig, ServerConfig } from '../../src/config/schema.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';

const NAS = 'nas.depot:22';

const fromFile = async (t: TestContext, publish: unknown): Promise<unknown> => {
  const file = path.join(temporaryDirectory(t), 'config.json');
  writeFileSync(file, JSON.stringify({ publish }));
  return (await loadConfig(ServerConfig, { flags: {}, env: {}, files: [file], required: true })).publish;
};

const fromFlags = async (
  schema: typeof ServerConfig | typeof ClientConfig,
  ...publish: readonly string[]
): Promise<unknown> =>
  (await loadConfig(schema, { flags: { publish }, env: {}, files: ['/nowhere'], required: false })).publish;

describe('published ports in the configuration', () => {
  it('are objects in the file', async (t) => {
    const full = {
      listen: 2222,
      to: 'nas.depot:22',
      from: ['203.0.113.0/24', '2001:db8::1'],
      host: '::',
      user: 'alice',
    };
    assert.deepEqual(await fromFile(t, [full, { listen: 80, to: '[fd00::1]:8080' }]), [
      full,
      { listen: 80, to: '[fd00::1]:8080' },
    ]);
  });

  it('are one line each on the command line', async () => {
    assert.deepEqual(
      await fromFlags(
        ServerConfig,
        '2222=nas.depot:22',
        '80=x:1,from=10.0.0.0/8,from=fd00::/8,user=alice,host=127.0.0.1',
      ),
      [
        { listen: 2222, to: NAS },
        { listen: 80, to: 'x:1', from: ['10.0.0.0/8', 'fd00::/8'], user: 'alice', host: '127.0.0.1' },
      ],
    );
  });

  it('are UDP where they say so', async () => {
    const udp = { protocol: 'udp', listen: 5353, to: 'nas.depot:53' };
    assert.deepEqual(await fromFlags(ClientConfig, '5353/udp=nas.depot:53', '5353/tcp=nas.depot:53'), [
      udp,
      { ...udp, protocol: 'tcp' },
    ]);
  });

  it('are several words in the variable', async () => {
    const sources = { flags: {}, env: { DEPOT_PUBLISH: '1=a:1 2=b:2' }, files: ['/nowhere'], required: false };
    assert.deepEqual(
      (await loadConfig(ClientConfig, sources)).publish.map(({ listen }) => listen),
      [1, 2],
    );
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ listen: 1, to: 'nas.depot' }, /publish\[0\]\.to: HOST:PORT is expected/],
    [{ listen: 1, to: 'nas.depot:0' }, /publish\[0\]\.to/],
    [{ listen: 1, to: 'nas.depot:65536' }, /publish\[0\]\.to/],
    [{ listen: 1, to: 'fd00::1:22' }, /publish\[0\]\.to/],
    [{ listen: 70_000, to: 'a:1' }, /publish\[0\]\.listen/],
    [{ to: 'a:1' }, /publish\[0\]\.listen/],
    [
      { listen: 1, to: 'a:1', from: ['203.0.113.0/33'] },
      /publish\[0\]\.from\[0\]: an address or a network is expected/,
    ],
    [{ listen: 1, to: 'a:1', from: [] }, /publish\[0\]\.from/],
    [{ listen: 1, to: 'a:1', form: ['10.0.0.1'] }, /publish\[0\]: there is no such key as form here/],
    ['nas.depot:22', /publish\[0\]: an object with listen and to, or LISTEN\[\/udp\]=HOST:PORT, is expected/],
    ['127.0.0.1:2222=nas.depot:22', /LISTEN is a port; its address goes behind it as ,host=ADDRESS/],
    ['1/sctp=a:1', /publish\[0\]\.protocol/],
    ['x=nas.depot:22', /publish\[0\]: an object/],
    ['1=nas.depot:22,from', /publish\[0\]: an object/],
    ['1=nas.depot:22,colour=red', /publish\[0\]: there is no such key as colour here/],
  ];
  for (const [entry, message] of wrong) {
    it(`are refused as ${JSON.stringify(entry)}, with their number`, async (t) => {
      await assert.rejects(fromFile(t, [entry]), { code: 'invalid-config', message });
    });
  }

  it('are nobody else’s on a client', async () => {
    await assert.rejects(fromFlags(ClientConfig, '1=a:1,user=alice'), /no such key as user here/);
  });
});
