// A tunnel connection: many streams side by side on one framed connection.
// The server opens streams, local accepts them; what arrives for a stream that is over is dropped.

import { asDepotError, DepotError } from '../errors.ts';
import { decodeWindow, encodeJsonFrame, frameName, type FrameSink, FrameType } from '../link/frames.ts';
import {
  type CheckedStep,
  errorOf,
  Failure,
  failureOf,
  Open,
  Opened,
  parseMessage,
  Refused,
  stepsOf,
} from '../link/messages.ts';
import type { WindowOptions } from '../link/window.ts';
import type { Address } from '../socks/address.ts';
import type { Command } from '../socks/messages.ts';
import type { Connection, Progress } from './connector.ts';
import type { FrameConnection } from './frame-connection.ts';
import { TunnelDatagrams } from './tunnel-datagrams.ts';
import { TunnelStream } from './tunnel-stream.ts';

/** A stream that local was asked for: to be answered once, with success or failure. */
export interface IncomingStream {
  /** What there is to carry, by the command. */
  readonly stream?: TunnelStream | undefined;
  readonly datagrams?: TunnelDatagrams | undefined;
  /** Aborts when the other side does not want it any more. */
  readonly signal: AbortSignal;
  answer(outcome: { readonly bound: Address } | DepotError): void;
  /** BIND: tells where the app is awaited, before the answer. */
  readonly listening: (bound: Address) => void;
  /** Where the other side wants to know them: how each step went, before the answer. */
  readonly step: Progress['step'];
}

export type AcceptStream = (open: Open, incoming: IncomingStream) => void;

export interface TunnelOptions {
  readonly windows: WindowOptions;
  /** What to do with a stream that the other side opens; where it is not given, opening one is a violation. */
  readonly accept?: AcceptStream;
  /** Called when the number of streams has changed. */
  readonly onChange?: (tunnel: Tunnel) => void;
}

/** A request that waits for its answer. */
interface Opening extends PromiseWithResolvers<Address> {
  readonly carries: Connection['kind'];
  /** For a BIND that has not heard it yet. */
  listening: Progress['listening'] | undefined;
  readonly step: Progress['step'];
}

/** What a stream of this command carries once it is open. */
const carriedBy = (command: Command): Connection['kind'] => {
  if (command === 'associate') return 'datagrams';
  return command === 'resolve' || command === 'resolve-ptr' ? 'answer' : 'stream';
};

/** One stream of a tunnel. An answer that carries nothing is a TunnelStream as well, which ends with it. */
type TunnelEnd = TunnelStream | TunnelDatagrams;

/** The first stream of a tunnel; also the one that a request on the control connection is about. */
const FIRST_STREAM = 1;

/** How much older traffic still counts when tunnels are compared: it halves in this time. */
const ACTIVITY_HALF_LIFE_MS = 1000;

export class Tunnel implements FrameSink {
  readonly connection: FrameConnection;
  readonly #options: TunnelOptions;
  readonly #streams = new Map<number, TunnelEnd>();
  readonly #opening = new Map<number, Opening>();
  readonly #accepting = new Map<number, AbortController>();
  /** When a stream last began or ended, on the clock of `performance.now()`; never is long ago. */
  usedAtMs = Number.NEGATIVE_INFINITY;
  #lastStream = 0;
  #activity = 0;
  #activityAtMs = performance.now();

  constructor(connection: FrameConnection, options: TunnelOptions) {
    this.connection = connection;
    this.#options = options;
    connection.handOver(this);
    connection.startHeartbeat();
    void connection.closed.then((error) => this.#lost(error));
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Bytes that came lately, weighted by age: what tells a busy tunnel from one whose streams sleep. */
  get activity(): number {
    return this.#activity * 0.5 ** ((performance.now() - this.#activityAtMs) / ACTIVITY_HALF_LIFE_MS);
  }

  /** Asks the other side for a stream. Rejects with what it answered, or with why there is no answer. */
  open(open: Open, signal: AbortSignal, progress?: Progress): Promise<Connection> {
    const id = this.#lastStream + 1;
    this.connection.send(encodeJsonFrame(FrameType.open, id, open));
    return this.#await(id, open.command, signal, progress);
  }

  /** The stream that was asked for on the control connection, before there was this tunnel. */
  expect(command: Command, signal: AbortSignal, progress?: Progress): Promise<Connection> {
    return this.#await(FIRST_STREAM, command, signal, progress);
  }

  /** The same, seen from local. */
  adopt(open: Open): void {
    this.#accept(FIRST_STREAM, open);
  }

  async #await(id: number, command: Command, signal: AbortSignal, progress?: Progress): Promise<Connection> {
    if (!this.connection.isOpen) throw new DepotError('connection-lost', 'the tunnel was lost');
    const kind = carriedBy(command);
    const stream = this.#add(id, kind);
    const { step } = progress ?? {};
    const answer: Opening = { ...Promise.withResolvers<Address>(), carries: kind, listening: undefined, step };
    if (command === 'bind') answer.listening = (bound) => progress?.listening(bound);
    const onAbort = (): void => {
      const error = asDepotError(signal.reason, 'aborted');
      stream.reset(error);
      answer.reject(error);
    };
    this.#opening.set(id, answer);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    try {
      const bound = await answer.promise;
      if (stream instanceof TunnelDatagrams) return { kind: 'datagrams', bound, datagrams: stream };
      return kind === 'answer' ? { kind, bound } : { kind: 'stream', bound, stream };
    } finally {
      this.#opening.delete(id);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #accept(id: number, open: Open): void {
    const { accept } = this.#options;
    if (accept === undefined) throw new DepotError('protocol-violation', 'a stream was opened from the wrong side');
    const carries = carriedBy(open.command);
    const stream = this.#add(id, carries);
    const aborter = new AbortController();
    this.#accepting.set(id, aborter);
    const steps: CheckedStep[] = [];
    const answer = (outcome: { readonly bound: Address } | DepotError): void => {
      this.#accepting.delete(id);
      if (stream.isClosed) return;
      if (outcome instanceof DepotError) {
        this.connection.send(encodeJsonFrame(FrameType.refused, id, { ...failureOf(outcome), ...stepsOf(steps) }));
        stream.refused();
      } else {
        const opened: Opened = { bound: outcome.bound, ...stepsOf(steps) };
        this.connection.send(encodeJsonFrame(FrameType.opened, id, opened));
        succeed(stream, carries);
      }
    };
    const carried = stream instanceof TunnelDatagrams ? { datagrams: stream } : { stream };
    const listening = (bound: Address): void => {
      if (!stream.isClosed) this.connection.send(encodeJsonFrame(FrameType.listening, id, { bound } satisfies Opened));
    };
    const step = open.check === true ? (done: CheckedStep): void => void steps.push(done) : undefined;
    accept(open, { ...carried, signal: aborter.signal, answer, listening, step });
  }

  #add(id: number, carries: Connection['kind']): TunnelEnd {
    const { windows } = this.#options;
    const stream =
      carries === 'datagrams'
        ? new TunnelDatagrams(id, this.connection, windows.datagramBytes, this.#remove)
        : new TunnelStream(id, this.connection, windows, this.#remove);
    this.#lastStream = id;
    this.#streams.set(id, stream);
    this.usedAtMs = performance.now();
    this.#options.onChange?.(this);
    return stream;
  }

  readonly #remove = ({ id }: { readonly id: number }): void => {
    this.#streams.delete(id);
    this.usedAtMs = performance.now();
    this.#options.onChange?.(this);
  };

  data(id: number, bytes: Uint8Array): void {
    this.#count(bytes);
    const stream = this.#find(id);
    if (stream instanceof TunnelDatagrams) throw misplaced(FrameType.data, id);
    stream?.receive(bytes);
  }

  #count({ length }: Uint8Array): void {
    this.#activity = this.activity + length;
    this.#activityAtMs = performance.now();
  }

  frame(type: FrameType, id: number, payload: Uint8Array): void {
    if (type === FrameType.open) {
      if (id <= this.#lastStream) throw new DepotError('protocol-violation', `stream ${id} was opened twice`);
      this.#accept(id, parseMessage(Open, payload));
      return;
    }
    const stream = this.#find(id);
    if (stream === undefined) return;
    switch (type) {
      case FrameType.opened: {
        const { bound, steps } = parseMessage(Opened, payload);
        const asked = this.#asked(id, type);
        succeed(stream, asked.carries);
        tell(asked, steps);
        asked.resolve(bound);
        return;
      }
      case FrameType.listening: {
        const asked = this.#asked(id, type);
        const { listening } = asked;
        if (listening === undefined) throw misplaced(type, id);
        asked.listening = undefined;
        listening(parseMessage(Opened, payload).bound);
        return;
      }
      case FrameType.refused: {
        const { steps, ...failure } = parseMessage(Refused, payload);
        const asked = this.#asked(id, type);
        tell(asked, steps);
        asked.reject(errorOf(failure));
        stream.refused();
        return;
      }
      case FrameType.fin:
        stream.receiveFin();
        return;
      case FrameType.window:
        if (stream instanceof TunnelDatagrams) throw misplaced(type, id);
        stream.grant(decodeWindow(payload));
        return;
      case FrameType.datagram:
        if (stream instanceof TunnelStream) throw misplaced(type, id);
        this.#count(payload);
        stream.receive(payload);
        return;
      case FrameType.reset:
        this.#abort(id, stream, errorOf(parseMessage(Failure, payload)));
        return;
      default:
        throw new DepotError('protocol-violation', `a ${frameName(type)} frame on a tunnel`);
    }
  }

  /** Undefined for a stream that is over; one that never was is a violation. */
  #find(id: number): TunnelEnd | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined && (id === 0 || id > this.#lastStream)) {
      throw new DepotError('protocol-violation', `a frame for stream ${id}, which never was`);
    }
    return stream;
  }

  /** The request that this frame answers; only who asked can be answered. */
  #asked(id: number, type: FrameType): Opening {
    const asked = this.#opening.get(id);
    if (asked === undefined)
      throw new DepotError('protocol-violation', `${frameName(type)} for stream ${id}, which we did not ask for`);
    return asked;
  }

  #abort(id: number, stream: TunnelEnd, error: DepotError): void {
    this.#opening.get(id)?.reject(error);
    this.#accepting.get(id)?.abort(error);
    this.#accepting.delete(id);
    stream.abort(error);
  }

  #lost(error: DepotError): void {
    const lost = new DepotError('connection-lost', `the tunnel was lost: ${error.message}`, { cause: error });
    for (const [id, stream] of this.#streams) this.#abort(id, stream, lost);
  }
}

/** A request was answered with success. */
const succeed = (stream: TunnelEnd, carries: Connection['kind']): void => {
  if (carries === 'answer' && stream instanceof TunnelStream) stream.answered();
  else stream.opened();
};

const tell = ({ step }: Opening, steps: readonly CheckedStep[] | undefined): void => {
  if (step !== undefined) steps?.forEach(step);
};

const misplaced = (type: FrameType, id: number): DepotError =>
  new DepotError('protocol-violation', `a ${frameName(type)} frame for stream ${id}, which carries something else`);
