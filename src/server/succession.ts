// What a server and the process that takes its place say to each other, over the channel that Node has between parent and
// child, and how they say it. The two may be of different versions: what is here is added to, and never changed.

import type { Server } from 'node:net';
import { z } from 'zod';
import { DepotError, messageOf } from '../errors.ts';
import { within } from '../net/draining.ts';

const Address = z.object({ host: z.string(), port: z.int() });

/** What an operator changed; who serves the old streams has to know it, too. */
export const Change = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('user'), name: z.string(), rulesChanged: z.boolean() }),
  z.object({ kind: z.literal('user-removed'), name: z.string() }),
  z.object({ kind: z.literal('client-revoked'), name: z.string() }),
  z.object({ kind: z.literal('local-revoked'), name: z.string() }),
]);
export type Change = z.infer<typeof Change>;

export const Message = z.discriminatedUnion('type', [
  // From the old one.
  /** The ports that it has. */
  z.object({
    type: z.literal('offer'),
    ports: z.array(z.object({ purpose: z.string(), host: z.string(), port: z.int(), address: Address })),
  }),
  /** One of them, by its place in the list; the socket comes with it. */
  z.object({ type: z.literal('port'), index: z.int() }),
  /** Locals and clients come to the new one from now on: who had a session, and will be back. */
  z.object({ type: z.literal('links'), locals: z.array(z.string()), clients: z.array(z.string()) }),
  /** So does everybody else. */
  z.object({ type: z.literal('entry') }),
  // From the new one.
  /** Nothing is missing but the ports. */
  z.object({ type: z.literal('ready') }),
  /** It will not take over. */
  z.object({ type: z.literal('failed'), message: z.string() }),
  /** Everybody is back, or was waited for long enough. */
  z.object({ type: z.literal('arrived') }),
  z.object({ type: z.literal('serving'), pid: z.int(), version: z.string() }),
  z.object({ type: z.literal('changed'), change: Change }),
]);
export type Message = z.infer<typeof Message>;
type MessageOf<T extends Message['type']> = Extract<Message, { type: T }>;

/** The other process: a `ChildProcess`, or `process` itself, which speaks to its parent. */
export interface Peer {
  send?(message: object, handle?: Server, options?: object, sent?: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown, handle: unknown) => void): unknown;
  on(event: 'disconnect' | 'exit', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Who is at the other end, for the sentence that says that it is gone. */
export type OtherEnd = 'the new process' | 'the old process';

export class Conversation {
  readonly #peer: Peer;
  readonly #other: OtherEnd;
  readonly #said = new Map<Message['type'], PromiseWithResolvers<Message>>();
  readonly #gone = Promise.withResolvers<never>();
  #goneBecause: DepotError | undefined;

  constructor(peer: Peer, other: OtherEnd, onMessage: (message: Message, handle: unknown) => void) {
    this.#peer = peer;
    this.#other = other;
    this.#gone.promise.catch(() => undefined);
    peer.on('message', (json, handle) => {
      const { data, success } = Message.safeParse(json);
      // A word of another version.
      if (!success) return;
      onMessage(data, handle);
      this.#of(data.type).resolve(data);
      if (data.type === 'failed') this.#lose(data.message);
    });
    const ended = (): void => this.#lose(`${other} ended`);
    peer.on('disconnect', ended);
    // Node says no word of the channel where a handle was on its way.
    peer.on('exit', ended);
    peer.on('error', (error) => this.#lose(`${other} cannot be spoken to: ${messageOf(error)}`));
  }

  /** Resolves when the other end is gone. */
  get over(): Promise<unknown> {
    return this.#gone.promise.catch((error: unknown) => error);
  }

  /** What was said, or will be. Rejects where the other end is gone, or says nothing for so long. */
  async heard<T extends Message['type']>(type: T, milliseconds: number): Promise<MessageOf<T>> {
    const said = Promise.race([this.#of(type).promise, this.#gone.promise]);
    await within(
      milliseconds,
      said.catch(() => undefined),
    );
    const late = new DepotError('timed-out', `${this.#other} did not say "${type}" in ${milliseconds / 1000} s`);
    return (await Promise.race([said, Promise.reject(late)])) as MessageOf<T>;
  }

  /** Throws where the other end is gone. */
  requirePresence(): void {
    if (this.#goneBecause !== undefined) throw this.#goneBecause;
  }

  /** Resolves when it has left this process, or the other end is gone. What nobody hears any more is dropped. */
  say(message: Message, handle?: Server): Promise<void> {
    return new Promise((resolve) => {
      void this.over.then(() => resolve());
      if (this.#peer.send === undefined) resolve();
      else this.#peer.send(message, handle, {}, () => resolve());
    });
  }

  #lose(why: string): void {
    this.#goneBecause ??= new DepotError('conflict', why);
    this.#gone.reject(this.#goneBecause);
  }

  #of(type: Message['type']): PromiseWithResolvers<Message> {
    const known = this.#said.get(type) ?? Promise.withResolvers<Message>();
    this.#said.set(type, known);
    return known;
  }
}
