// The server whose place we take: another process of the same home, our parent. It keeps its streams and hands over its
// ports, first those for locals and clients of the link, and, when they are back with us, those for everybody else.

import type { Server } from 'node:net';
import { messageOf } from '../errors.ts';
import { within } from '../net/draining.ts';
import type { Inherit } from '../net/listener.ts';
import { VERSION } from '../version.ts';
import { type Change, Conversation, type Message, type Peer } from './succession.ts';

/** How long locals and clients may take to come back, before we begin without them. */
const ARRIVAL_MS = 10_000;
/** How long the other process may take for what it does by itself; it waits for tunnels on their way. */
const PATIENCE_MS = 20_000;

/** What of a server that is about to begin is needed. */
export interface Successor {
  /** Resolves when all of these have a session. */
  readonly arrived: (locals: readonly string[], clients: readonly string[]) => Promise<unknown>;
  /** The other process may have written to the store. */
  readonly refresh: () => void;
  /** Begins what cannot begin while the other process has it. */
  readonly begin: () => Promise<void>;
}

type Offer = Extract<Message, { type: 'offer' }>['ports'];

export class Predecessor {
  readonly #conversation: Conversation;
  #ports: Offer = [];
  /** By their place in the list: what to do with the socket, once that is said. */
  readonly #taken = new Map<number, ((handle: Server) => void) | undefined>();

  private constructor(peer: Peer) {
    this.#conversation = new Conversation(peer, 'the old process', (message, handle) => {
      // At once, in the turn in which it comes: from now on this process is asked to accept.
      if (message.type === 'port') this.#taken.get(message.index)?.(handle as Server);
    });
  }

  /** Waits until it has said what it has. Rejects where it says nothing. */
  static async meet(peer: Peer): Promise<Predecessor> {
    const predecessor = new Predecessor(peer);
    const { ports } = await predecessor.#conversation.heard('offer', PATIENCE_MS);
    predecessor.#ports = ports;
    return predecessor;
  }

  /** A port that was offered and nobody has taken yet. */
  readonly inherit: Inherit = ({ purpose, host, port }) => {
    const index = this.#ports.findIndex(
      (offered, at) =>
        offered.purpose === purpose && offered.host === host && offered.port === port && !this.#taken.has(at),
    );
    const offered = this.#ports[index];
    if (offered === undefined) return undefined;
    this.#taken.set(index, undefined);
    return { address: offered.address, whenHanded: (take) => void this.#taken.set(index, take) };
  };

  /** Takes its place. Rejects where it is gone before that. */
  async takeOver({ arrived, refresh, begin }: Successor): Promise<void> {
    const conversation = this.#conversation;
    void conversation.over.then(refresh);
    await conversation.say({ type: 'ready' });
    const { locals, clients } = await conversation.heard('links', PATIENCE_MS);
    refresh();
    await within(ARRIVAL_MS, arrived(locals, clients));
    await conversation.say({ type: 'arrived' });
    await conversation.heard('entry', PATIENCE_MS);
    this.#ports = [];
    refresh();
    await begin();
    await conversation.say({ type: 'serving', pid: process.pid, version: VERSION });
  }

  /** We will not take over. */
  async giveUp(error: unknown): Promise<void> {
    await this.#conversation.say({ type: 'failed', message: messageOf(error) });
  }

  /** Streams of the other process go by what was changed, too. */
  tell(change: Change): void {
    void this.#conversation.say({ type: 'changed', change });
  }
}
