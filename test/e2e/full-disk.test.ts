// A disk that is full costs history, and nothing else: streams go on, and what users have used is written when there is room.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { App, ending } from '../support/apps.ts';
import { Depot, serverIn, tempDir } from '../support/depot.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { openStream } from '../support/socks-client.ts';

/** A file system of 3 MiB in memory, gone at the end of the scope; undefined where this user may not mount one. */
const smallDisk = (directory: string): Disposable | undefined => {
  mkdirSync(directory, { mode: 0o700 });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=0700', 'tmpfs', directory], { stdio: 'ignore' });
  } catch {
    // Only root may: the test is skipped elsewhere.
    return undefined;
  }
  return { [Symbol.dispose]: () => void execFileSync('umount', ['--lazy', directory]) };
};

/** Takes every byte that is left. */
const fill = (file: string): void => {
  for (const size of [65_536, 4096, 512]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // No more of these.
    }
  }
};

test('a disk that fills while streams run costs history alone, says so once, and history goes on afterwards', async (t) => {
  using directory = tempDir();
  const home = path.join(directory.path, 'home');
  using disk = smallDisk(home);
  if (disk === undefined) {
    t.skip('only root may mount a small file system');
    return;
  }
  const { log, events, names, message } = recordedLog();
  await using app = await App.echo();
  const stay = new AbortController();
  let bytes = 0;
  let login: Depot['login'];
  {
    await using depot = await Depot.pair({ home, log });
    ({ login } = depot);
    const target = depot.target('home.depot', app.port);
    const exchange = async (): Promise<void> => {
      const stream = await openStream(target);
      stream.end(Buffer.alloc(1000));
      assert.equal(await ending(stream.resume()), 'fin');
      bytes += 2000;
    };
    const running = await openStream(target);
    await exchange();
    const failed = Promise.all([once(events, 'history-failed'), message('store-failed')]);
    fill(path.join(home, 'filler'));
    const busy = (async () => {
      while (!stay.signal.aborted) await exchange();
    })();
    // A test that hangs must not spin.
    t.signal.addEventListener('abort', () => stay.abort());
    const [, why] = await failed;
    assert.match(why, /full/);
    await assert.rejects(depot.addUser('meanwhile'), {
      code: 'unusable-home',
      message: /^The server's database .*depot\.db cannot be used: .*full\. Make room on that disk/,
    });
    running.write('still there?');
    const [answer] = (await once(running.resume(), 'data')) as [Buffer];
    assert.equal(answer.toString(), 'still there?');
    bytes += 2 * answer.length;
    stay.abort();
    await busy;
    const back = once(events, 'history-back');
    rmSync(path.join(home, 'filler'));
    await exchange();
    await back;
    running.end();
    assert.equal(await ending(running.resume()), 'fin');
    assert.equal(names().filter((event) => event === 'history-failed').length, 1);
    assert.equal(names().filter((event) => event === 'store-failed').length, 1);
    assert.equal((await depot.server.administration.user(login.user)).usedBytes, bytes);
    await depot.addUser('after');
  }
  await using again = await serverIn(home);
  const users = await again.administration.users();
  assert.deepEqual(users.map(({ name }) => name).toSorted(), ['after', login.user].toSorted());
  assert.equal((await again.administration.user(login.user)).usedBytes, bytes, 'nothing that was used is forgotten');
  assert.ok(again.watcher.ended(Number.MAX_SAFE_INTEGER, 10).length > 0, 'there is history again');
});
