// Joins two endpoints until both directions have ended. Counts, ends, aborts; knows nothing of what it joins.
// There is one for each running stream, so it holds little: no promise and no closures that wait.

import type { DepotError } from '../errors.ts';
import type { Endpoint, Sink } from './endpoint.ts';

/** Called once: with nothing where both directions have ended and left this process, else with why the stream was aborted. */
export type OnEnded = (error?: DepotError) => void;

/** What both directions come to. */
class Outcome {
  #running = 2;
  #onEnded: OnEnded | undefined;

  constructor(onEnded: OnEnded) {
    this.#onEnded = onEnded;
  }

  directionEnded(): void {
    this.#running -= 1;
    if (this.#running === 0) this.settle();
  }

  /** Told when whatever is going on is done: an end may come while the relay is being made. */
  settle(error?: DepotError): void {
    const onEnded = this.#onEnded;
    if (onEnded === undefined) return;
    this.#onEnded = undefined;
    queueMicrotask(() => onEnded(error));
  }
}

class Direction implements Sink {
  readonly #target: Sink;
  readonly #outcome: Outcome;
  bytes = 0;

  constructor(target: Sink, outcome: Outcome) {
    this.#target = target;
    this.#outcome = outcome;
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    for (const chunk of chunks) this.bytes += chunk.length;
    this.#target.write(chunks, taken);
  }

  end(): void {
    this.#target.end(() => this.#outcome.directionEnded());
  }

  reset(error: DepotError): void {
    this.#target.reset(error);
    this.#outcome.settle(error);
  }
}

/** One running relay. "Up" is from the client to the app; bytes are counted live. */
export class Relay {
  readonly #client: Endpoint;
  readonly #app: Endpoint;
  readonly #outcome: Outcome;
  readonly #up: Direction;
  readonly #down: Direction;
  /** Bytes are never dropped; only datagrams are. */
  readonly dropped = 0;

  constructor(client: Endpoint, app: Endpoint, onEnded: OnEnded) {
    this.#client = client;
    this.#app = app;
    this.#outcome = new Outcome(onEnded);
    this.#up = new Direction(app, this.#outcome);
    this.#down = new Direction(client, this.#outcome);
    client.readInto(this.#up);
    app.readInto(this.#down);
  }

  get bytesUp(): number {
    return this.#up.bytes;
  }

  get bytesDown(): number {
    return this.#down.bytes;
  }

  /** Aborts both ends. */
  abort(error: DepotError): void {
    this.#client.reset(error);
    this.#app.reset(error);
    this.#outcome.settle(error);
  }
}
