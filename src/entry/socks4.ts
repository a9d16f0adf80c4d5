// SOCKS4 and 4a at the door: only where nobody has to say who they are, for they cannot.

import { DepotError, Reply } from '../errors.ts';
import { orAborted } from '../net/dial.ts';
import type { SocksRequest } from '../socks/messages.ts';
import { decodeSocks4Request, encodeSocks4Reply } from '../socks/socks4.ts';
import type { EntryOptions } from './options.ts';
import type { Visitor } from './visitor.ts';

/** Serves one client until its request was answered. Rejects with why there was no request; what the client has to be told is written by then. */
export const serveSocks4 = async (visitor: Visitor, { streams, settings }: EntryOptions): Promise<void> => {
  const { client, from, gone } = visitor;
  const { command, destination } = await readRequest(visitor, settings);
  visitor.admit();
  await streams.carry(
    { command, destination, user: undefined, from, anonymous: true },
    {
      stream: client,
      signal: gone,
      answer: (outcome) => {
        if (!(outcome instanceof DepotError)) {
          client.write([encodeSocks4Reply(Reply.succeeded, outcome.bound)], ignore);
          return;
        }
        client.write([encodeSocks4Reply(outcome.reply)], ignore);
        visitor.seeOff();
      },
    },
  );
};

const readRequest = async ({ client, limit }: Visitor, settings: EntryOptions['settings']): Promise<SocksRequest> => {
  const refuse = (why: string, reply: Reply = Reply.notAllowed): DepotError => {
    client.write([encodeSocks4Reply(reply)], ignore);
    return new DepotError('malformed-request', why);
  };
  for (;;) {
    const decoded = decodeSocks4Request(client.early);
    if (decoded.kind === 'message') {
      client.consume(decoded.taken);
      if (settings.allowAnonymous) return decoded.message;
      throw refuse('SOCKS4 has no passwords, and this server wants one');
    }
    if (decoded.kind === 'bad') throw refuse(decoded.why, decoded.reply);
    if (!(await orAborted(client.more(), limit)))
      throw new DepotError('malformed-request', 'the client closed before its request was complete');
  }
};

const ignore = (): void => undefined;
