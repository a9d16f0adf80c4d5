// What a reader of frames delivers, as a list, and the messages that frames carry, by name.

import assert from 'node:assert/strict';
import { FrameReader, FrameType } from '../../src/link/frames.ts';
import { Control, Failure, Hello, LocalControl, Open, Opened, Welcome } from '../../src/link/messages.ts';
import { concat } from './bytes.ts';

export const MESSAGES = { Hello, Welcome, Control, LocalControl, Open, Opened, Failure } as const;

export interface SeenFrame {
  readonly type: FrameType;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** A reader, and what it has delivered. Data that came in pieces is joined, for pieces are how bytes arrive, not what they mean. */
export const frameLog = (): { readonly reader: FrameReader; readonly seen: readonly SeenFrame[] } => {
  const seen: SeenFrame[] = [];
  const reader = new FrameReader({
    data: (stream, bytes) => {
      assert.ok(bytes.length > 0, 'a piece of data is never empty');
      const last = seen.at(-1);
      if (last?.type === FrameType.data && last.stream === stream)
        seen[seen.length - 1] = { ...last, payload: concat(last.payload, bytes) };
      else seen.push({ type: FrameType.data, stream, payload: Uint8Array.from(bytes) });
    },
    frame: (type, stream, payload) => seen.push({ type, stream, payload: Uint8Array.from(payload) }),
  });
  return { reader, seen };
};
