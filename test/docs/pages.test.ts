// Every page of the documentation that has blocks of `console` is run, word by word, on the hosts that it talks about.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { tempDir } from '../support/depot.ts';
import { Program } from '../support/programs.ts';
import { firstMissing, parsePage } from './page.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const RUN_PAGE = path.join(import.meta.dirname, 'run-page.ts');
/** With its processes, so that nothing outlives a page; a page is root in there, for ports below 1024. */
const UNSHARE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const LONGEST_MS = 60_000;

const why =
  process.getuid?.() === 0 && spawnSync('unshare', [...UNSHARE, 'true']).status === 0
    ? false
    : 'the hosts of a page are namespaces, and only root may make all that they need';

const pages = ['README.md', ...readdirSync(path.join(ROOT, 'docs')).map((name) => path.join('docs', name))]
  .filter((name) => name.endsWith('.md'))
  .filter((name) => parsePage(readFileSync(path.join(ROOT, name), 'utf8')).steps.length > 0);

describe('pages', { concurrency: 2, skip: why }, () => {
  for (const page of pages)
    test(page, async () => {
      using directory = tempDir();
      const args = [...UNSHARE, process.execPath, RUN_PAGE, page, directory.path];
      await using running = new Program('unshare', args, { cwd: ROOT });
      const timer = setTimeout(() => running.child.kill('SIGKILL'), LONGEST_MS);
      const { code, stdout, stderr } = await running.finished.finally(() => clearTimeout(timer));
      assert.equal(code, 0, `${stdout}\n${stderr}`);
    });
});

test('what a page says is compared with what is printed', () => {
  const printed = 'NAME  STATE\nnas   connected  1 s\nat the end\n';
  assert.equal(firstMissing(['NAME STATE', 'nas connected …', 'at … end'], printed), undefined);
  assert.equal(firstMissing(['nas connected'], printed), 'nas connected');
  assert.equal(firstMissing(['at the end', 'NAME STATE'], printed), 'NAME STATE', 'in this order');
  assert.equal(firstMissing(['…', 'never'], printed), 'never');
});

test('a page knows hosts, commands, their output and files', () => {
  const { steps, apps } = parsePage(
    '<!-- run with: web nas 80, ssh nas -->\n```console\nvps$ false # exit code 1\nnas$ cat <<E\n> x\n> E\nx\n```\n\n```json file=vps:~/a\n{}\n```\n```sh\nnot run\n```\n',
  );
  assert.deepEqual(apps, ['web nas 80', 'ssh nas']);
  assert.deepEqual(steps, [
    { kind: 'command', host: 'vps', text: 'false # exit code 1', prints: [], code: 1, line: 3 },
    { kind: 'command', host: 'nas', text: 'cat <<E\nx\nE', prints: ['x'], code: 0, line: 4 },
    { kind: 'file', host: 'vps', path: '~/a', text: '{}\n', line: 11 },
  ]);
  assert.throws(() => parsePage('```console\noutput\n```'), /without a command/);
});
