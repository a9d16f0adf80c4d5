// The log and a reader that stands still.

import assert from 'node:assert/strict';
import { constants, openSync, readFileSync, readSync, closeSync, writeSync } from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { LogSink } from '../../src/cli/log-sink.ts';
import { BIN, depot, parseFirstStart, startNewServer } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { Program, run } from '../support/programs.ts';

/** A named pipe, open at both ends by us; neither blocks. */
const makePipe = async (file: string): Promise<number> => {
  await run('mkfifo', [file]);
  return openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
};

/** Everything that is in the pipe now. */
const drain = (pipe: number): string => {
  const buffer = Buffer.alloc(1024 * 1024);
  let text = '';
  for (;;) {
    try {
      text += buffer.toString('utf8', 0, readSync(pipe, buffer));
    } catch {
      return text;
    }
  }
};

const fill = (pipe: number): void => {
  try {
    for (;;) writeSync(pipe, Buffer.alloc(4096, 32));
  } catch {
    // It is full now.
  }
};

test('what waits for the reader is bounded; what is lost is counted, and every line that comes is whole', async () => {
  using home = tempDir();
  const pipe = await makePipe(path.join(home.path, 'pipe'));
  const lost = Promise.withResolvers<number>();
  const sink = new LogSink({ descriptor: pipe, onLost: lost.resolve });
  const lineOf = (number: number): string => `${String(number).padStart(6, '0')} ${'x'.repeat(120)}\n`;
  const total = 20_000;
  for (let number = 0; number < total; number += 1) sink.write(lineOf(number));
  let text = '';
  const reading = setInterval(() => {
    text += drain(pipe);
  }, 5);
  const count = await lost.promise;
  clearInterval(reading);
  text += drain(pipe);
  const numbers = text
    .trimEnd()
    .split('\n')
    .map((line) => Number(line.slice(0, 6)));
  assert.equal(numbers.length + count, total);
  assert.deepEqual(numbers, [...numbers.keys()]);
  assert.ok(text.length > 1024 * 1024 && text.length < 2 * 1024 * 1024, `${text.length} bytes were kept`);
  sink.write('after\n');
  assert.equal(drain(pipe), 'after\n');
  closeSync(pipe);
});

test('the end writes what waits, and does not wait for ever', async () => {
  using home = tempDir();
  const pipe = await makePipe(path.join(home.path, 'pipe'));
  const sink = new LogSink({ descriptor: pipe, onLost: () => assert.fail('nothing was lost') });
  fill(pipe);
  sink.write('last words\n');
  sink.end();
  drain(pipe);
  sink.end();
  assert.equal(drain(pipe), 'last words\n');
  closeSync(pipe);
});

test('a server whose log nobody reads starts, serves, and ends', async () => {
  using home = tempDir();
  const file = path.join(home.path, 'pipe');
  const pipe = await makePipe(file);
  fill(pipe);
  const ports = ['--host', LOOPBACK, '--socks-port', '0', '--control-port', '0', '--web-port', '0'];
  const args = ['server', '--home', path.join(home.path, 'home'), ...ports];
  await using server = new Program('sh', ['-c', `exec "$@" 2>'${file}'`, 'sh', process.execPath, BIN, ...args]);
  await server.says(/curl .*\n/);
  const { socksPort } = parseFirstStart(server.stdout);
  for (let left = 3; left > 0; left -= 1) {
    const socket = net.connect({ host: LOOPBACK, port: socksPort });
    socket.write('?');
    await once(socket.resume(), 'close');
  }
  const status = await depot(['status', '--home', path.join(home.path, 'home')]);
  assert.match(status.stdout, /^depot server/);
  const { code } = await server.stop('SIGTERM');
  assert.equal(code, 0);
  closeSync(pipe);
});

test('a socket as standard error does not block either', async () => {
  using home = tempDir();
  const [server] = await startNewServer(path.join(home.path, 'home'));
  await using _ = server;
  const [, flags = '0'] = /flags:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/fdinfo/2`, 'utf8')) ?? [];
  assert.ok(Number.parseInt(flags, 8) & constants.O_NONBLOCK, flags);
});
