// The life of one stream on a tunnel, as a transition table. Each direction ends on its own (half-close);
// an abort ends both. Pure.

import { DepotError } from '../errors.ts';

/**
 * `opening`: asked for, not answered; where the answer is all that was asked for, `answered` is the end. `open`: both directions run. `fin-sent`: we sent our FIN.
 * `fin-received`: theirs came. `closed`: nothing more may come or go.
 */
export type StreamState = 'opening' | 'open' | 'fin-sent' | 'fin-received' | 'closed';

export type StreamEvent = 'opened' | 'answered' | 'refused' | 'data-in' | 'fin-in' | 'fin-out' | 'reset';

const TRANSITIONS: Readonly<Record<StreamState, Readonly<Partial<Record<StreamEvent, StreamState>>>>> = {
  'opening': { opened: 'open', answered: 'closed', refused: 'closed', reset: 'closed' },
  'open': { 'data-in': 'open', 'fin-in': 'fin-received', 'fin-out': 'fin-sent', 'reset': 'closed' },
  'fin-sent': { 'data-in': 'fin-sent', 'fin-in': 'closed', 'reset': 'closed' },
  'fin-received': { 'fin-out': 'closed', 'reset': 'closed' },
  'closed': {},
};

/** The next state. Throws `protocol-violation` on an event that has no place in this one. */
export const nextStreamState = (state: StreamState, event: StreamEvent): StreamState => {
  const next = TRANSITIONS[state][event];
  if (next === undefined) throw new DepotError('protocol-violation', `${event} on a stream that is ${state}`);
  return next;
};
