// A local came or went away: remembered, logged, counted, told.

import { type DepotError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { Notices } from '../watch/notices.ts';
import type { Session } from './session.ts';

export interface PresenceOptions {
  readonly store: Pick<Store, 'touchLocal'>;
  readonly log: Log;
  /** Undefined where nobody is to be told. */
  readonly notices: Notices | undefined;
  readonly onUp: (local: { readonly name: string; readonly from: string }) => void;
  readonly onDown: (local: { readonly name: string; readonly error: DepotError }) => void;
}

export class Presence implements Disposable {
  readonly #options: PresenceOptions;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  readonly onUp = ({ peer: { name, from, software, platform } }: Session): void => {
    const { log, notices, onUp } = this.#options;
    this.#seen(name);
    log.info({ event: 'local-up', local: name, from, software, platform }, `local ${name} connected from ${from}`);
    notices?.up(name, from);
    onUp({ name, from });
  };

  readonly onDown = ({ peer: { name } }: Session, error: DepotError): void => {
    const { log, notices, onDown } = this.#options;
    this.#seen(name);
    log.warn({ event: 'local-down', local: name, code: error.code }, `local ${name} went away: ${error.message}`);
    notices?.down(name, error.message);
    onDown({ name, error });
  };

  readonly onDraining = ({ peer: { name } }: Session): void => {
    this.#options.log.info(
      { event: 'local-draining', local: name },
      `local ${name} is about to stop: it gets no new requests, its streams may end`,
    );
  };

  /** What follows is our own end, and no news of any local. */
  [Symbol.dispose](): void {
    this.#options.notices?.[Symbol.dispose]();
  }

  /** A disk that is full must not cost a session. */
  #seen(name: string): void {
    const { store, log } = this.#options;
    try {
      store.touchLocal(name, Date.now());
    } catch (error) {
      log.error({ event: 'store-failed' }, `cannot remember that ${name} was seen: ${messageOf(error)}`);
    }
  }
}
