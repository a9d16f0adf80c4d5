// A name server that does not answer holds up those who ask for its names, and nobody else.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { tempDir } from '../support/depot.ts';
import { noNamespaces, runInNamespace } from '../support/namespace.ts';

const SERVER = '127.0.0.53';

test('names that nobody answers for do not hold up others', { skip: noNamespaces() }, async () => {
  using directory = tempDir();
  const file = (name: string, content: string): string => {
    const place = path.join(directory.path, name);
    writeFileSync(place, content);
    return place;
  };
  const files = {
    '/etc/resolv.conf': file('resolv.conf', `nameserver ${SERVER}\noptions timeout:10 attempts:1\n`),
    '/etc/hosts': file('hosts', '127.0.0.1 localhost nas.lan\n'),
  };
  const unknown = Array.from({ length: 20 }, (_, index) => `gone${index}.lan`);
  const script = path.join(import.meta.dirname, '../support/slow-names-in-namespace.ts');
  const input = JSON.stringify({ server: SERVER, unknown, known: 'nas.lan' });
  const { stdout, stderr } = await runInNamespace({ files }, script, input);
  assert.equal(stdout, '0', stderr);
});
