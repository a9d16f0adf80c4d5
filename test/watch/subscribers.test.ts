// Who follows the events, over real sockets: readers that do not read, and those that break off.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { encodeEvent, Subscribers } from '../../src/watch/subscribers.ts';
import { LOOPBACK } from '../support/depot.ts';

const BEHIND_BYTES = 1024 * 1024;
const NEWS = encodeEvent('change', 'x'.repeat(100_000));
const BEGINNING = encodeEvent('snapshot', {});

/** A server of events, with the responses that it has made. */
class Stage implements Disposable {
  nowMs = 0;
  begun = 0;
  readonly responses: http.ServerResponse[] = [];
  readonly subscribers = new Subscribers(() => this.nowMs);
  readonly #server = http.createServer((_request, response) => {
    this.responses.push(response);
    this.subscribers.add(response, () => {
      this.begun += 1;
      return [BEGINNING];
    });
  });

  /** A reader that has been told the beginning, and reads on only when it is told to. */
  async reader(): Promise<net.Socket & { readonly text: () => string }> {
    if (!this.#server.listening) await once(this.#server.listen(0, LOOPBACK), 'listening');
    const { port } = this.#server.address() as net.AddressInfo;
    const socket = net.connect(port, LOOPBACK);
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    while (!text.includes('event: snapshot')) await once(socket, 'data');
    return Object.assign(socket, { text: () => text });
  }

  [Symbol.dispose](): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

test('a reader that does not read holds a bounded backlog, is dropped, and costs the others nothing', async () => {
  using stage = new Stage();
  const [idle, busy] = [await stage.reader(), await stage.reader()];
  const [toIdle] = stage.responses;
  assert.ok(toIdle !== undefined);
  idle.pause();
  let told = 0;
  const tick = async (): Promise<void> => {
    told += 1;
    stage.subscribers.tick(`${NEWS}event: number\ndata: ${told}\n\n`);
    while (!busy.text().includes(`data: ${told}\n\n`)) await once(busy, 'data');
  };
  while (toIdle.writableLength <= BEHIND_BYTES) await tick();
  const most = BEHIND_BYTES + 2 * NEWS.length;
  for (let more = 0; more < 50; more += 1) {
    await tick();
    assert.ok(toIdle.writableLength < most, `${toIdle.writableLength} bytes wait`);
  }
  assert.equal(stage.subscribers.size, 2);
  stage.nowMs += 30_001;
  const dropped = once(toIdle, 'close');
  await tick();
  await dropped;
  assert.equal(stage.subscribers.size, 1);
  await tick();
});

test('a reader that catches up is told everything anew', async () => {
  using stage = new Stage();
  const reader = await stage.reader();
  const [response] = stage.responses;
  assert.ok(response !== undefined);
  reader.pause();
  while (response.writableLength <= BEHIND_BYTES) stage.subscribers.tick(NEWS);
  stage.subscribers.tick(NEWS);
  reader.resume();
  while (response.writableLength > 0) await once(response, 'drain');
  assert.equal(stage.begun, 1);
  stage.subscribers.tick(undefined);
  while (reader.text().split(BEGINNING).length < 3) await once(reader, 'data');
  assert.equal(stage.begun, 2);
});

test('a reader that breaks off in the middle of a write is forgotten, and the others hear on', async () => {
  using stage = new Stage();
  const [broken, other] = [await stage.reader(), await stage.reader()];
  broken.resetAndDestroy();
  // Until the end is noticed it is written to.
  while (stage.subscribers.size > 1) {
    stage.subscribers.tick(NEWS);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stage.subscribers.tick('event: last\ndata: 1\n\n');
  while (!other.text().includes('event: last')) await once(other, 'data');
});

test('silence is broken every 15 s, so that both sides know of each other', async () => {
  using stage = new Stage();
  const reader = await stage.reader();
  stage.subscribers.tick(undefined);
  stage.nowMs += 15_001;
  stage.subscribers.tick(undefined);
  while (!reader.text().includes(': still here')) await once(reader, 'data');
  assert.equal(reader.text().split(': still here').length, 2);
});
