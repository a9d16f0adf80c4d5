// What a relay joins: one end of a byte stream in both directions, with back-pressure, half-close and abort.
// Thinner than a Duplex on purpose: a piece of data passes through without an object or a queue of its own.

import type { DepotError } from '../errors.ts';

/** Where bytes go. */
export interface Sink {
  /**
   * Takes `chunks`, in order. Calls `taken` once, when their memory may be used again and more is welcome:
   * until then the giver neither changes them nor gives more. After a reset it may never be called.
   */
  write(chunks: readonly Uint8Array[], taken: () => void): void;
  /**
   * No more bytes (a FIN), after those that were written. The other direction goes on.
   * `flushed` is called when everything, the FIN included, has left this process; after a reset it may never be.
   */
  end(flushed?: () => void): void;
  /** Abort, in both directions: what is on its way may be lost, and the other side sees that. */
  reset(error: DepotError): void;
}

/** One end of a stream: bytes go in as into a Sink, and what comes out of it goes to the sink it was given. */
export interface Endpoint extends Sink {
  /**
   * Begins to deliver into `sink`. Nothing is lost before: bytes wait where they are. Called again, everything that was
   * not delivered yet goes to the new one. `sink.reset` may come at any time, also after `sink.end`, and is the last call.
   */
  readInto(sink: Sink): void;
}
