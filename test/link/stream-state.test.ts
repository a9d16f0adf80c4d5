import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { nextStreamState, type StreamEvent, type StreamState } from '../../src/link/stream-state.ts';

const EVENTS: readonly StreamEvent[] = ['opened', 'answered', 'refused', 'data-in', 'fin-in', 'fin-out', 'reset'];

/** The whole table, in the order of EVENTS; `-` is a violation. */
const TABLE: Readonly<Record<StreamState, readonly (StreamState | '-')[]>> = {
  'opening': ['open', 'closed', 'closed', '-', '-', '-', 'closed'],
  'open': ['-', '-', '-', 'open', 'fin-received', 'fin-sent', 'closed'],
  'fin-sent': ['-', '-', '-', 'fin-sent', 'closed', '-', 'closed'],
  'fin-received': ['-', '-', '-', '-', '-', 'closed', 'closed'],
  'closed': ['-', '-', '-', '-', '-', '-', '-'],
};

describe('the life of a stream', () => {
  for (const [state, row] of Object.entries(TABLE) as [StreamState, readonly (StreamState | '-')[]][]) {
    EVENTS.forEach((event, index) => {
      const next = row[index];
      if (next === '-') {
        it(`${event} on a stream that is ${state} is a violation that names both`, () => {
          assert.throws(
            () => nextStreamState(state, event),
            (error) =>
              error instanceof DepotError &&
              error.code === 'protocol-violation' &&
              error.message.includes(event) &&
              error.message.includes(state),
          );
        });
      } else {
        it(`${event} on a stream that is ${state} makes it ${next}`, () => {
          assert.equal(nextStreamState(state, event), next);
        });
      }
    });
  }

  it('ends in either order of the two FINs', () => {
    const life = (...events: StreamEvent[]): StreamState => events.reduce<StreamState>(nextStreamState, 'opening');
    assert.equal(life('opened', 'data-in', 'fin-in', 'fin-out'), 'closed');
    assert.equal(life('opened', 'fin-out', 'data-in', 'fin-in'), 'closed');
  });
});
