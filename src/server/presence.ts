// A local came or went away: remembered, logged, counted, told.

import { type DepotError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { Session } from './session.ts';

export interface PresenceOptions {
  readonly store: Pick<Store, 'touchLocal'>;
  readonly log: Log;
  readonly onUp: (local: { readonly name: string; readonly from: string }) => void;
  readonly onDown: (local: { readonly name: string; readonly error: DepotError }) => void;
}

export class Presence {
  readonly #options: PresenceOptions;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  readonly up = ({ peer: { name, from, software, platform } }: Session): void => {
    const { log, onUp } = this.#options;
    this.#seen(name);
    log.info({ event: 'local-up', local: name, from, software, platform }, `local ${name} connected from ${from}`);
    onUp({ name, from });
  };

  readonly down = ({ peer: { name } }: Session, error: DepotError): void => {
    const { log, onDown } = this.#options;
    this.#seen(name);
    log.warn({ event: 'local-down', local: name, code: error.code }, `local ${name} went away: ${error.message}`);
    onDown({ name, error });
  };

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
