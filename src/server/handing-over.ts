// A running server gives its place to another process: starts it, hands over its ports one door after the other, and
// keeps its own streams. Where the other one does not live to serve, everything is taken back.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { DepotError, messageOf } from '../errors.ts';
import type { Legacy } from '../net/listener.ts';
import type { Upgraded } from '../watch/answers.ts';
import { type Change, Conversation } from './succession.ts';

/** How long the other process may take to start. */
const START_MS = 60_000;
/** How long it may wait for locals to come back, and then for itself. */
const ARRIVAL_MS = 20_000;

/** What of a running server is handed over. */
export interface Estate {
  /** The doors for locals and clients of the link; and those for everybody else. */
  readonly links: () => readonly Legacy[];
  readonly entries: () => readonly Legacy[];
  /** Resolves when no tunnel is on its way to us. */
  readonly settle: () => Promise<void>;
  /** Closes the doors of the link, tells everybody there, and returns who will come back to the other process. */
  readonly leave: () => { readonly locals: string[]; readonly clients: string[] };
  /** Ends what two processes cannot have at once. */
  readonly yieldPorts: () => void;
  /** Undoes these three, as the other process is gone. */
  readonly takeBack: () => Promise<void>;
  readonly onChange: (change: Change) => void;
}

/** Rejects with `conflict`: everything is as before then, for whatever was given up was taken back. */
export const handOver = async (
  start: () => ChildProcess,
  { links, entries, settle, leave, yieldPorts, takeBack, onChange }: Estate,
): Promise<Omit<Upgraded, 'streams'>> => {
  const child = start();
  const conversation = new Conversation(child, 'the new process', (message) => {
    if (message.type === 'changed') onChange(message.change);
  });
  let hasGiven = false;
  const ports = [...links(), ...entries()];
  const hand = (from: number, to?: number): Promise<unknown> =>
    Promise.all(
      ports.slice(from, to).map(({ server }, at) => conversation.say({ type: 'port', index: from + at }, server)),
    );
  try {
    await conversation.say({
      type: 'offer',
      ports: ports.map(({ purpose, host, port, address }) => ({ purpose, host, port, address })),
    });
    await conversation.heard('ready', START_MS);
    hasGiven = true;
    await settle();
    await hand(0, links().length);
    // Up to here nobody was told.
    conversation.requirePresence();
    await conversation.say({ type: 'links', ...leave() });
    await conversation.heard('arrived', ARRIVAL_MS);
    yieldPorts();
    await hand(links().length);
    await conversation.say({ type: 'entry' });
    const { pid, version } = await conversation.heard('serving', ARRIVAL_MS);
    return { pid, version };
  } catch (cause) {
    await ended(child);
    if (hasGiven) await takeBack();
    const why = messageOf(cause);
    const end = /[.?!]$/.test(why) ? '' : '.';
    throw new DepotError('conflict', `The new process did not take over: ${why}${end}`, { cause });
  } finally {
    child.unref();
  }
};

/** Ends it, and resolves when nothing of it is left: what it had of our ports is free then. */
const ended = async (child: ChildProcess): Promise<void> => {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
};
