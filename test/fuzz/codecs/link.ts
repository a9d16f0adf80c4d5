// Frames, messages, join links, windows and the state of a stream.

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  decodeWindow,
  encodeFrame,
  encodeWindow,
  FrameType,
  INITIAL_WINDOW_BYTES,
  MAX_DATAGRAM_BYTES,
  MAX_MESSAGE_BYTES,
} from '../../../src/link/frames.ts';
import { formatJoinLink, type JoinLink, parseJoinLink } from '../../../src/link/join-link.ts';
import { parseMessage } from '../../../src/link/messages.ts';
import { nextStreamState, type StreamEvent, type StreamState } from '../../../src/link/stream-state.ts';
import { ReceiveWindow, WindowBudget } from '../../../src/link/window.ts';
import { concat } from '../../support/bytes.ts';
import { frameLog, MESSAGES } from '../../support/frames.ts';
import { bytes, changed, changes, cut, cuts, outcome, type Property, property } from './property.ts';

const TYPES = Object.values(FrameType);
const streamId = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const frame = fc
  .tuple(fc.constantFrom(...TYPES), streamId, bytes(80))
  .map(([type, stream, payload]) => encodeFrame(type, stream, payload));
const frames = fc.array(frame, { maxLength: 6 }).map((all) => concat(...all));
/** Headers that announce a lot, and are never followed by as much. */
const boasting = fc
  .tuple(fc.constantFrom(...TYPES, 0, 0x19, 0xff), fc.integer({ min: 0, max: 0xffffff }), bytes(40))
  .map(([type, length, rest]) =>
    Uint8Array.from([type, length >> 16, (length >> 8) & 255, length & 255, 0, 0, 0, 1, ...rest]),
  );

const read = (pieces: readonly Uint8Array[]): unknown => {
  const { reader, seen } = frameLog();
  const result = outcome(() => {
    for (const piece of pieces) reader.push(piece);
  }, 'protocol-violation');
  for (const { type, payload } of seen)
    if (type !== FrameType.data)
      assert.ok(payload.length <= (type === FrameType.datagram ? MAX_DATAGRAM_BYTES : MAX_MESSAGE_BYTES));
  return { seen, result };
};

const EXAMPLES: readonly unknown[] = [
  { purpose: 'control', versions: [2, 1], software: 'depot/1', platform: 'linux-x64', invitation: 'x'.repeat(43) },
  { purpose: 'client', device: 'laptop', versions: [2], software: 'depot/1', platform: 'linux-x64' },
  { purpose: 'tunnel', id: 'ax7' },
  { version: 2, name: 'nas', software: 'depot/1', tunnelPort: 8964 },
  { code: 'stopped', message: 'the server was stopped' },
  { bound: { host: '127.0.0.1', port: 40_001 } },
  { type: 'tunnels', ids: ['ax7', 'b2k'] },
  { type: 'tunnel-failed', tunnel: 'ax7', failure: { code: 'made-up', message: 'why' } },
  {
    command: 'connect',
    destination: { host: 'localhost', port: 9091 },
    user: 'alice',
    from: '203.0.113.5',
    addressRules: [{ allow: true, addresses: 'loopback', rule: 'allow localhost' }],
  },
];
const text = new TextEncoder();
const message = fc.oneof(
  fc
    .tuple(fc.constantFrom(...EXAMPLES), changes)
    .map(([example, what]) => changed(text.encode(JSON.stringify(example)), what)),
  fc.json().map((json) => text.encode(json)),
  bytes(60),
);

const word = (characters: string, length: { minLength: number; maxLength: number }): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...characters.split('')), length).map((all) => all.join(''));
const SECRET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const joinLink: fc.Arbitrary<JoinLink> = fc.record(
  {
    role: fc.constantFrom('local' as const, 'client' as const),
    host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
    port: fc.integer({ min: 1, max: 65_535 }),
    name: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/),
    fingerprint: word(SECRET, { minLength: 43, maxLength: 43 }),
    invitation: word(SECRET, { minLength: 43, maxLength: 43 }),
  },
  { noNullPrototype: true },
);

const EVENTS: readonly StreamEvent[] = ['opened', 'answered', 'refused', 'data-in', 'fin-in', 'fin-out', 'reset'];

/** A sender that keeps to its credit and a reader of any speed; nobody is ever granted more than the window allows. */
const useWindow = (steps: readonly (readonly [sent: number, read: number, ms: number])[], maxBytes: number): void => {
  const budgetBytes = 4 * INITIAL_WINDOW_BYTES;
  const budget = new WindowBudget(budgetBytes);
  const window = new ReceiveWindow({ maxBytes, budget }, 0);
  let [credit, held, now] = [INITIAL_WINDOW_BYTES, 0, 0];
  for (const [sent, taken, ms] of steps) {
    const piece = Math.min(sent, credit);
    assert.ok(window.received(piece), 'a sender that kept to its credit is blamed');
    [credit, held, now] = [credit - piece, held + piece, now + ms];
    const passed = Math.min(taken, held);
    held -= passed;
    credit += window.consumed(passed, now, 40, 40);
    const most = Math.min(Math.max(maxBytes, INITIAL_WINDOW_BYTES), INITIAL_WINDOW_BYTES + budgetBytes);
    assert.ok(credit + held <= most, `${credit} granted and ${held} held of ${most}`);
  }
  // A reader that needs little is left with little, and others with the rest.
  for (let read = 0; read < 64; read += 1) {
    held += credit;
    assert.ok(window.received(credit), 'a sender that kept to its credit is blamed');
    now += 1_000_000;
    credit = window.consumed(held, now, 40, 40);
    held = 0;
  }
  assert.ok(credit <= INITIAL_WINDOW_BYTES, `${credit} are granted to a reader that is slow`);
  assert.ok(budget.take(budgetBytes), 'a slow reader keeps what others could use');
  budget.giveBack(budgetBytes);
  // Who keeps reading is never left without credit.
  credit += window.consumed(held, now + 1000, 40, 40);
  assert.ok(credit > 0, 'the stream stands still');
  assert.equal(window.received(credit + 1), false, 'a sender went beyond its credit unseen');
  window.close();
  assert.ok(budget.take(budgetBytes), 'the budget did not come back whole');
};

export const LINK: readonly Property[] = [
  property('frames are the same however they are cut', [frames, cuts], (stream, at) =>
    assert.deepEqual(read(cut(stream, at)), read([stream])),
  ),
  property(
    'spoilt frames end in a violation or are read, however they are cut',
    [fc.oneof(frames, boasting, bytes(100)), changes, cuts],
    (stream, what, at) => {
      const spoilt = changed(stream, what);
      assert.deepEqual(read(cut(spoilt, at)), read([spoilt]));
    },
  ),
  property(
    'a message is read, or is a violation',
    [fc.constantFrom(...Object.values(MESSAGES)), message],
    (schema, payload) => {
      const first = outcome(() => parseMessage<unknown>(schema, payload), 'protocol-violation');
      if ('error' in first) return;
      const again = parseMessage<unknown>(schema, text.encode(JSON.stringify(first.value)));
      assert.deepEqual(again, first.value);
    },
  ),
  property('a grant comes back as it went', [streamId, streamId], (stream, grant) =>
    assert.equal(decodeWindow(encodeWindow(stream, grant).subarray(8)), grant),
  ),
  property('a grant of another length is a violation', [bytes(10)], (payload) => {
    const result = outcome(() => decodeWindow(payload), 'protocol-violation');
    assert.equal('value' in result, payload.length === 4);
  }),
  property('a join link comes back as it went', [joinLink], (link) =>
    assert.deepEqual(parseJoinLink(formatJoinLink(link)), link),
  ),
  property('a spoilt join link is read or refused, and never repeated', [joinLink, changes], (link, what) => {
    const spoilt = new TextDecoder().decode(changed(text.encode(formatJoinLink(link)), what));
    const result = outcome(() => parseJoinLink(spoilt), 'invalid-argument');
    if ('error' in result) assert.ok(!result.error.includes(link.invitation.slice(5, 20)));
  }),
  property('any text is a join link or is refused', [fc.string({ maxLength: 200 })], (line) => {
    outcome(() => parseJoinLink(line), 'invalid-argument');
  }),
  property(
    'a window is bounded, never stands still and gives everything back',
    [
      fc.array(
        fc.tuple(
          fc.integer({ min: 0, max: 2 ** 21 }),
          fc.integer({ min: 0, max: 2 ** 21 }),
          fc.integer({ min: 0, max: 100 }),
        ),
        { maxLength: 40 },
      ),
      fc.integer({ min: INITIAL_WINDOW_BYTES, max: 2 ** 23 }),
    ],
    useWindow,
  ),
  property(
    'a stream that is closed stays closed',
    [fc.array(fc.constantFrom(...EVENTS), { maxLength: 8 })],
    (events) => {
      let state: StreamState = 'opening';
      for (const event of events) {
        const before: StreamState = state;
        const result = outcome((): StreamState => nextStreamState(before, event), 'protocol-violation');
        if ('value' in result) state = result.value;
        if (before === 'closed') assert.ok('error' in result);
      }
    },
  ),
];
