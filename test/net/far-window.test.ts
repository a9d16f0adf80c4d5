// A window on a far line, with a reader that is quick, then slow, then quick again: it grows, gives back, and grows again,
// and not a byte is lost. The pauses are those of the slow reader; nothing is measured.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { WindowBudget } from '../../src/link/window.ts';
import type { Endpoint } from '../../src/net/endpoint.ts';
import { acceptedBy, BOUND, NEVER, OPEN, streamOf, tunnelPair, windows } from '../support/link.ts';

const MIB = 1024 * 1024;
const BUDGET_BYTES = 64 * MIB;
const PIECE = Buffer.alloc(MIB, 'depot');
/** Far enough for a window to grow at once. */
const LINE_MS = 10;
/** However busy this machine is, the round trip is known as it is now. */
const BEAT = { heartbeatMs: 50, deadAfterMs: 60_000 };
/** Between two reads of whatever came, at first: the reader gets slower and slower. */
const SLOW_MS = 350;

/** Writes the same piece again and again until it is told to end. Returns how many bytes that were. */
const write = (to: Endpoint): { readonly end: () => void; readonly bytes: () => number } => {
  let [bytes, isOver] = [0, false];
  const next = (): void => {
    if (isOver) {
      to.end();
      return;
    }
    bytes += PIECE.length;
    to.write([PIECE], next);
  };
  next();
  return { end: () => void (isOver = true), bytes: () => bytes };
};

test('grows for a quick reader, is given back by a slow one, and grows again', async (t) => {
  const budget = new WindowBudget(BUDGET_BYTES);
  const { server, requests } = await tunnelPair(t, {
    far: { delayMs: () => LINE_MS },
    ofServer: { ...windows(), maxBytes: MIB, budget },
    beat: BEAT,
  });
  const opening = server.open(OPEN, NEVER);
  const { incoming } = await requests.next();
  incoming.answer({ bound: BOUND });
  const stream = streamOf(await opening);
  const source = write(acceptedBy(incoming));

  let bytes = 0;
  let isSlow = false;
  let slowMs = SLOW_MS;
  const ended = Promise.withResolvers<void>();
  stream.readInto({
    write: (chunks, taken) => {
      for (const chunk of chunks) bytes += chunk.length;
      if (isSlow) {
        void pause(slowMs).then(taken);
        slowMs *= 1.5;
      } else taken();
    },
    end: () => ended.resolve(),
    reset: ended.reject,
  });
  const isWhole = (): boolean => {
    const whole = budget.take(BUDGET_BYTES);
    if (whole) budget.giveBack(BUDGET_BYTES);
    return whole;
  };
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await pause(LINE_MS);
  };
  await until(() => !isWhole());
  isSlow = true;
  await until(isWhole);
  isSlow = false;
  await until(() => !isWhole());
  source.end();
  await ended.promise;
  assert.equal(bytes, source.bytes());
});
