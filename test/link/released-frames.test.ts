// Frames as each version of the protocol sends them, kept for ever: whoever still runs that version is understood.
// What is in the file is never changed; a new version adds to it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { decodeWindow, FrameType } from '../../src/link/frames.ts';
import { parseMessage, PROTOCOL_VERSIONS } from '../../src/link/messages.ts';
import { frameLog, MESSAGES, type SeenFrame } from '../support/frames.ts';

interface Released {
  readonly version: number;
  readonly name: string;
  readonly type: keyof typeof FrameType;
  readonly stream: number;
  /** The whole frame, in hex. */
  readonly frame: string;
  /** What is in it: a message of this schema, or bytes. */
  readonly schema?: keyof typeof MESSAGES;
  readonly message?: unknown;
  readonly payload?: string;
}

const FILE = path.join(import.meta.dirname, 'released-frames.json');
const released = JSON.parse(readFileSync(FILE, 'utf8')) as readonly Released[];

const read = (frame: string): readonly SeenFrame[] => {
  const { reader, seen } = frameLog();
  reader.push(Buffer.from(frame, 'hex'));
  return seen;
};

describe('a released frame is understood for ever', () => {
  for (const { version, name, type, stream, frame, schema, message, payload } of released) {
    test(`version ${version}: ${name}`, () => {
      const [only, ...more] = read(frame);
      assert.deepEqual(more, []);
      assert.deepEqual({ type: only?.type, stream: only?.stream }, { type: FrameType[type], stream });
      const bytes = only?.payload ?? Buffer.alloc(0);
      if (schema === undefined) assert.equal(Buffer.from(bytes).toString('hex'), payload);
      else assert.deepEqual(parseMessage<unknown>(MESSAGES[schema], bytes), message);
    });
  }

  test('whatever a newer peer says beside it', () => {
    for (const { schema, message } of released) {
      if (schema === undefined || typeof message !== 'object') continue;
      const bytes = new TextEncoder().encode(JSON.stringify({ ...message, fromTheFuture: { clock: [1] } }));
      assert.deepEqual(parseMessage<unknown>(MESSAGES[schema], bytes), message);
    }
  });

  test('credit is a number of bytes', () => {
    const { frame = '' } = released.find(({ type }) => type === 'window') ?? {};
    assert.equal(decodeWindow(read(frame)[0]?.payload ?? Buffer.alloc(0)), 65_536);
  });

  test('every version that we speak is among them', () => {
    const versions = new Set(released.map(({ version }) => version));
    for (const version of PROTOCOL_VERSIONS) assert.ok(versions.has(version), `version ${version}`);
  });
});
