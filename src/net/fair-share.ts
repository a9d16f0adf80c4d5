// How much one socket may be read per turn of the event loop, so that a turn stays short however many are busy:
// beside eight bulk streams a keystroke waits for eight small reads, not for eight large ones.

/** What all sockets together may read in one turn: some 250 µs of work. */
const TURN_BYTES = 256 * 1024;
/** Below this, the cost of the calls outweighs what waits. */
const LEAST_BYTES = 32 * 1024;

/** Shared by everything that reads in one process. */
export class FairShare {
  #reads = 0;
  #readsBefore = 1;
  #scheduled = false;

  /** The share of one socket, in bytes, by how many were read in the turn before. */
  get bytes(): number {
    return Math.max(LEAST_BYTES, Math.floor(TURN_BYTES / Math.max(1, this.#readsBefore, this.#reads)));
  }

  /** One more socket is read in this turn. */
  count(): void {
    this.#reads += 1;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#readsBefore = this.#reads;
      this.#reads = 0;
    });
  }
}
