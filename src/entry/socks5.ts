// SOCKS5 at the door (RFC 1928, RFC 1929): drives the table of src/socks and turns what it says into a Request.
// Knows neither locals nor tunnels, and no user but through `authenticate`.

import { asDepotError, DepotError, Reply } from '../errors.ts';
import type { Connection, Request } from '../net/connector.ts';
import { orAborted } from '../net/dial.ts';
import type { Address } from '../socks/address.ts';
import { advance, type HandshakeEvent, type HandshakeState, readsBytes } from '../socks/handshake.ts';
import { encodeReply, type SocksRequest } from '../socks/messages.ts';
import { ClientDatagrams } from './client-datagrams.ts';
import type { EntryOptions } from './options.ts';
import type { Visitor } from './visitor.ts';

interface Welcomed {
  readonly request: SocksRequest;
  readonly user: string | undefined;
}

/** Serves one client until its request was answered. Rejects with why there was no request; what the client has to be told is written by then. */
export const serveSocks5 = async (visitor: Visitor, options: EntryOptions): Promise<void> => {
  const { client, from, gone } = visitor;
  const { request, user } = await shakeHands(visitor, options);
  visitor.admit();
  const { command, destination } = request;
  const asked: Request = { command, destination, user, from, anonymous: user === undefined };
  if (command === 'associate') {
    await associate(visitor, asked, options);
    return;
  }
  await options.streams.carry(asked, {
    stream: client,
    signal: gone,
    listening: (bound) => client.write([encodeReply(Reply.succeeded, bound)], ignore),
    answer: (outcome) => reply(visitor, outcome),
  });
};

/** Tells the client what came of its request, and sees it off where nothing more will come. */
const reply = (visitor: Visitor, outcome: Connection | DepotError, bound?: Address): void => {
  const { client } = visitor;
  if (outcome instanceof DepotError) client.write([encodeReply(outcome.reply)], ignore);
  else client.write([encodeReply(Reply.succeeded, bound ?? outcome.bound)], ignore);
  if (outcome instanceof DepotError || outcome.kind === 'answer') visitor.seeOff();
};

/** UDP ASSOCIATE: the TCP connection stays for as long as the association does, and says no more. */
const associate = async (
  visitor: Visitor,
  request: Request,
  { streams, associate: options, descriptors }: EntryOptions,
): Promise<void> => {
  const { client: connection, from, reachedAt, gone } = visitor;
  let datagrams: ClientDatagrams;
  try {
    const announced = request.destination;
    datagrams = await ClientDatagrams.open({ connection, from, reachedAt, announced }, options, descriptors);
  } catch (error) {
    reply(visitor, asDepotError(error, 'internal'));
    throw error;
  }
  await streams.carry(request, {
    datagrams,
    signal: gone,
    answer: (outcome) => reply(visitor, outcome, datagrams.bound),
    onEnded: () => {
      datagrams.end();
      visitor.seeOff();
    },
  });
};

/** Drives the table. */
const shakeHands = async (
  { client, from, limit }: Visitor,
  { authenticate, settings }: EntryOptions,
): Promise<Welcomed> => {
  let state: HandshakeState = 'greeting';
  let user: string | undefined;
  let event: HandshakeEvent = { type: 'bytes', bytes: client.early };
  for (;;) {
    const step = advance(state, event, { anonymous: settings.allowAnonymous });
    const stuck = step.taken === 0 && step.effects.length === 0;
    state = step.state;
    client.consume(step.taken);
    let verdict: boolean | undefined;
    for (const effect of step.effects) {
      if (effect.do === 'write') client.write([effect.bytes], ignore);
      else if (effect.do === 'close')
        throw new DepotError(event.type === 'verified' ? 'not-allowed' : 'malformed-request', effect.why);
      else if (effect.do === 'request') return { request: effect.request, user };
      else {
        user = effect.credentials.username;
        verdict = await orAborted(authenticate(effect.credentials, from, limit), limit);
      }
    }
    if (stuck && readsBytes(state) && !(await orAborted(client.more(), limit))) {
      throw new DepotError('malformed-request', 'the client closed before its request was complete');
    }
    event = verdict === undefined ? { type: 'bytes', bytes: client.early } : { type: 'verified', accepted: verdict };
  }
};

const ignore = (): void => undefined;
