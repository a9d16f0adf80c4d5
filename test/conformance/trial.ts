// One check against one server: what a check is, what it may use, and the verdict that comes of it.
// Knows nothing of depot; a server is an address that speaks SOCKS5.

import assert from 'node:assert/strict';
import type net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { App } from '../support/apps.ts';
import { LOOPBACK, type Login } from '../support/depot.ts';
import { credentials, greeting, request, type SocksReply, Wire } from '../support/socks-client.ts';

/** A SOCKS5 server, and what it has to be told about this machine. */
export interface Subject {
  readonly host: string;
  readonly port: number;
  /** Undefined for a server that lets everybody in. */
  readonly login?: Login;
  /** This machine as the server reaches it: an address or a name. */
  readonly appHost: string;
  /** Where apps listen, so that the server reaches them there. */
  readonly listenHost: string;
  /** What the server's own rules forbid. */
  readonly forbidden?: { readonly host: string; readonly port: number };
}

export type Verdict = 'pass' | 'fail' | 'unsupported' | 'not applicable';

export interface Check {
  /** `group/what-is-checked`, unique. */
  readonly name: string;
  /** The section of an RFC; `practice` for what none demands and programs count on all the same. */
  readonly section: string;
  /** What the server should do, in one line. */
  readonly expects: string;
  /** How long it may take; 10 s by default. */
  readonly limitMs?: number;
  /** Guesses passwords. A good server slows its client down after that, so it comes when all others are done. */
  readonly guesses?: boolean;
  readonly run: (trial: Trial) => Promise<void>;
}

export interface Outcome {
  readonly check: Check;
  readonly verdict: Verdict;
  /** What was seen, where it was no pass. */
  readonly saw: string;
}

/** Thrown by a check that this server, or this machine, gives no occasion for. */
export class NotApplicable extends Error {}
/** Thrown by a check of something that the server says it does not do. */
class Unsupported extends Error {}

const LIMIT_MS = 10_000;

export const METHOD_NONE = 0;
export const METHOD_PASSWORD = 2;
export const COMMAND_NOT_SUPPORTED = 7;

const LOCAL_NAMES = new Set([LOOPBACK, 'localhost', '::1']);

/** What a check works with. All that it opens is gone at its end. */
export class Trial implements AsyncDisposable {
  readonly subject: Subject;
  readonly #stack = new AsyncDisposableStack();
  readonly #wires: Wire[] = [];

  constructor(subject: Subject) {
    this.subject = subject;
  }

  /** What the check's connections have received, for a person to read. */
  get story(): string {
    return this.#wires
      .slice(-2)
      .map(({ story }) => story)
      .join('; then ');
  }

  /** The method that the server is expected to choose. */
  get method(): number {
    return this.subject.login === undefined ? METHOD_NONE : METHOD_PASSWORD;
  }

  get appHost(): string {
    return this.subject.appHost;
  }

  /** User and password; a check that needs them does not apply to a server that asks for none. */
  get login(): Login {
    const { login } = this.subject;
    if (login === undefined) throw new NotApplicable('no user was named');
    return login;
  }

  /** Whether server and suite are on one machine, and so have the same routes, names and loopback. */
  requireSameMachine(): void {
    if (!LOCAL_NAMES.has(this.appHost)) throw new NotApplicable('the server is on another machine');
  }

  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    return this.#stack.use(resource);
  }

  /** An app that the server reaches at `appHost` and its port. */
  async app(serve: (socket: net.Socket) => void, host = this.subject.listenHost): Promise<App> {
    return this.use(await App.listen(serve, host));
  }

  /** An app that sends back what comes. */
  echo(): Promise<App> {
    return this.app((socket) => socket.pipe(socket));
  }

  async connect(): Promise<Wire> {
    const wire = this.use(await Wire.connect(this.subject.port, this.subject.host));
    this.#wires.push(wire);
    return wire;
  }

  /** What a client says before its request, message by message, with the length of each answer. */
  get opening(): readonly (readonly [message: Buffer, answerLength: number])[] {
    const { login } = this.subject;
    const hello = [greeting(this.method), 2] as const;
    return login === undefined ? [hello] : [hello, [credentials(login), 2]];
  }

  /** A connection that has come as far as its request. */
  async admitted(): Promise<Wire> {
    const wire = await this.connect();
    for (const [message, answerLength] of this.opening) {
      wire.write(message);
      const [, answer] = await wire.read(answerLength);
      assert.ok(answer === 0 || answer === METHOD_PASSWORD, 'the server does not let us in');
    }
    return wire;
  }

  /** Asks, and reads whatever the reply is. */
  async ask(host: string, port: number, command = 1): Promise<[Wire, SocksReply]> {
    const wire = await this.admitted();
    wire.write(request(host, port, command));
    return [wire, await wire.readReply()];
  }

  /** A stream to an app, ready to be used. */
  async open(app: { readonly port: number }, host = this.appHost): Promise<Wire> {
    const [wire, { reply }] = await this.ask(host, app.port);
    expectReply(reply, 0);
    return wire;
  }

  /** Asks for something that a server need not do. Refused with REP 7, or by closing, is unsupported. */
  async askOptional(host: string, port: number, command: number): Promise<[Wire, SocksReply]> {
    const wire = await this.admitted();
    wire.write(request(host, port, command));
    const reply = await wire.readReply().catch((error: unknown) => {
      if (wire.story.split(' ').length > this.opening.length * 2 + 1) throw error;
      throw new Unsupported('closed without a reply');
    });
    if (reply.reply === COMMAND_NOT_SUPPORTED) throw new Unsupported(`REP ${COMMAND_NOT_SUPPORTED}`);
    return [wire, reply];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** REP has to be this one. Undefined is a connection that ended without a reply. */
export const expectReply = (reply: number | undefined, expected: number): void => {
  assert.equal(reply, expected, `${reply === undefined ? 'no reply' : `REP ${reply}`} instead of REP ${expected}`);
};

/** Says where what came is not what was sent. */
export const expectText = (came: Uint8Array, expected: string, who: string): void => {
  const text = Buffer.from(came).toString();
  assert.equal(text, expected, `${who} got "${text}" instead of "${expected}"`);
};

/** Sends and expects the same back. */
export const expectEcho = async (wire: Wire, text = 'echo'): Promise<void> => {
  wire.write(Buffer.from(text));
  expectText(await wire.read(text.length), text, 'the client');
};

/** The server refuses by closing the connection, after `answer` (an expression over hex) if anything. */
export const expectClosed = async (wire: Wire, answer = /^$/): Promise<void> => {
  const bytes = await wire.rest().catch(() => undefined);
  if (bytes !== undefined) assert.match(bytes.toString('hex'), answer, 'not the expected answer');
};

/** Runs one check to its verdict. Never rejects. */
export const judge = async (check: Check, subject: Subject): Promise<Outcome> => {
  await using trial = new Trial(subject);
  const limitMs = check.limitMs ?? LIMIT_MS;
  const over = new AbortController();
  const tooLong = sleep(limitMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`nothing more for ${limitMs / 1000} s`);
  });
  const running = Promise.try(() => check.run(trial));
  try {
    await Promise.race([running, tooLong]);
    return { check, verdict: 'pass', saw: '' };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (error instanceof Unsupported) return { check, verdict: 'unsupported', saw: why };
    if (error instanceof NotApplicable) return { check, verdict: 'not applicable', saw: why };
    const [line = ''] = why.split('\n');
    return { check, verdict: 'fail', saw: `${line} [received ${trial.story || 'nothing'}]` };
  } finally {
    // The one that lost the race ends with its connections, and nobody waits for it.
    for (const late of [running, tooLong]) late.catch(() => undefined);
    over.abort();
  }
};
