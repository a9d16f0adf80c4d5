// The door for locals: TLS, then hello, all within one deadline; then a session or a tunnel of one.
// A stranger without a registered key learns nothing but that.

import type net from 'node:net';
import { asDepotError, DepotError } from '../errors.ts';
import { FrameType } from '../link/frames.ts';
import { Hello } from '../link/messages.ts';
import type { Descriptors } from '../net/descriptors.ts';
import { deadline } from '../net/dial.ts';
import { expectFirst } from '../net/first-message.ts';
import type { FairShare } from '../net/fair-share.ts';
import { FrameConnection, type HeartbeatOptions } from '../net/frame-connection.ts';
import { roomFor, WaitingRoom, type WaitingRoomOptions } from '../net/waiting-room.ts';
import type { TlsAcceptor } from '../net/tls.ts';
import { canonicalHost } from '../socks/address.ts';

/** Who knocked, by key and address. */
export interface Caller {
  readonly fingerprint: string;
  readonly from: string;
}

export interface LinkDoorOptions {
  readonly acceptor: TlsAcceptor;
  /** Read whenever they are needed: how many may knock, in all and of one address; and times. */
  readonly settings: WaitingRoomOptions & HeartbeatOptions & { readonly handshakeMs: number };
  readonly share: FairShare;
  readonly descriptors: Descriptors;
  /** Takes over the connection before it returns, or throws what the other side shall be told. */
  readonly onHello: (hello: Hello, caller: Caller, connection: FrameConnection) => void;
  /** Called with why somebody got no further than the door. */
  readonly onTurnedAway: (from: string, error: DepotError) => void;
}

/** Whoever says nothing may take no more than this part of the descriptors that there are for clients. */
const STRANGERS_PART = 1 / 4;

export class LinkDoor {
  readonly #options: LinkDoorOptions;
  readonly #knocking: WaitingRoom;

  constructor(options: LinkDoorOptions) {
    this.#options = options;
    this.#knocking = new WaitingRoom(roomFor(options.settings, options.descriptors, STRANGERS_PART));
  }

  async serve(socket: net.Socket): Promise<void> {
    const { acceptor, settings, share, onHello, onTurnedAway } = this.#options;
    const from = canonicalHost(socket.remoteAddress ?? '');
    const refusal = this.#options.descriptors.refusal(socket, 'knock');
    if (refusal !== undefined) {
      socket.resetAndDestroy();
      this.#knocking.makeRoom();
      onTurnedAway(from, refusal);
      return;
    }
    const limit = deadline(settings.handshakeMs, () => new DepotError('timed-out', 'the handshake took too long'));
    const knocking = { from, destroy: () => void socket.destroy() };
    const done = (): void => {
      limit.clear();
      this.#knocking.leave(knocking);
    };
    this.#knocking.enter(knocking);
    try {
      const peer = await acceptor.accept(socket, limit.signal);
      let isKnown = false;
      const connection: FrameConnection = new FrameConnection(
        peer.socket,
        expectFirst(
          () => connection,
          FrameType.hello,
          Hello,
          (hello) => {
            onHello(hello, { fingerprint: peer.fingerprint, from }, connection);
            isKnown = true;
            done();
          },
        ),
        settings,
        share,
      );
      limit.signal.addEventListener('abort', () => connection.close(limit.signal.reason as DepotError));
      void connection.closed.then((error) => {
        if (isKnown) return;
        done();
        onTurnedAway(from, error);
      });
    } catch (error) {
      done();
      onTurnedAway(from, asDepotError(error, 'protocol-violation'));
    }
  }

  /** Ends everybody who has not said who they are. */
  close(): void {
    this.#knocking.clear();
  }
}
