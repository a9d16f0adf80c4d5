// Who may read next, so that a turn of the event loop stays short however many sockets are busy: beside eight bulk
// streams a keystroke waits for a few reads, not for all of theirs. Large reads stay large: rather than a little of
// each socket in every turn, a few of them have their whole share, and then it is the others' turn.

/** What all sockets together may read in one turn: some 250 µs of work. */
const TURN_BYTES = 384 * 1024;
/** Below this, the cost of the calls outweighs what waits. */
const LEAST_BYTES = 128 * 1024;
/** Who reads no more than this at a time is not what others wait for. */
const QUIET_BYTES = 8 * 1024;

/** Whoever reads: an object that is there anyway, so that nothing has to be made for each. */
export interface Reader {
  resume(): void;
}

/** Shared by everything that reads in one process. */
export class FairShare {
  readonly #waiting: Reader[] = [];
  #leftBytes = TURN_BYTES;
  #asked = 0;
  #askedBefore = 1;
  #scheduled = false;

  /** How much one socket may read at once, by how many asked lately. */
  get bytes(): number {
    return Math.max(LEAST_BYTES, Math.floor(TURN_BYTES / Math.max(1, this.#askedBefore, this.#asked)));
  }

  /** Resumes whoever has just read so many bytes as soon as it may read on: at once, while this turn has room. */
  admit(bytes: number, reader: Reader): void {
    if (bytes <= QUIET_BYTES) {
      reader.resume();
      return;
    }
    this.#asked += 1;
    if (this.#leftBytes > 0 && this.#waiting.length === 0) {
      this.#leftBytes -= bytes;
      reader.resume();
    } else {
      this.#waiting.push(reader);
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#scheduled = false;
    this.#askedBefore = this.#asked;
    this.#asked = this.#waiting.length;
    this.#leftBytes = TURN_BYTES;
    const share = this.bytes;
    while (this.#leftBytes > 0) {
      const reader = this.#waiting.shift();
      if (reader === undefined) return;
      this.#leftBytes -= share;
      reader.resume();
    }
    this.#schedule();
  }
}
