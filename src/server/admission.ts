// What the server answers to a hello: who may come in as which local, and to which session a tunnel belongs.

import { DepotError } from '../errors.ts';
import { encodeJsonFrame, FrameType } from '../link/frames.ts';
import { type Hello, PROTOCOL_VERSIONS, type Welcome } from '../link/messages.ts';
import type { Log } from '../log.ts';
import type { FrameConnection } from '../net/frame-connection.ts';
import { digestOfSecret } from '../net/identity.ts';
import type { Store } from '../store/store.ts';
import { SOFTWARE } from '../version.ts';
import type { Caller } from './link-door.ts';
import type { Registry } from './registry.ts';
import { LocalSession } from './session.ts';
import type { PoolOptions } from './tunnel-pool.ts';

export interface AdmissionOptions {
  readonly store: Store;
  readonly registry: Registry;
  readonly pool: PoolOptions;
  /** The port for tunnels, where it is another one than the control port. */
  readonly tunnelPort: () => number | undefined;
  readonly log: Log;
}

export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Takes the connection over, or throws a `DepotError` for the other side. */
  receive(hello: Hello, caller: Caller, connection: FrameConnection): void {
    if (hello.purpose === 'control') this.#welcome(hello, caller, connection);
    else if (this.#options.registry.byFingerprint(caller.fingerprint)?.pool.attach(hello.id, connection) !== true) {
      throw new DepotError('protocol-violation', 'a tunnel that nobody asked for');
    }
  }

  #welcome(
    { versions, software, platform, invitation }: Extract<Hello, { purpose: 'control' }>,
    { fingerprint, from }: Caller,
    connection: FrameConnection,
  ): void {
    const version = PROTOCOL_VERSIONS.find((ours) => versions.includes(ours));
    if (version === undefined) {
      throw new DepotError(
        'version-mismatch',
        `this server speaks version ${PROTOCOL_VERSIONS.join(', ')} of the protocol, ${software} speaks ${versions.join(', ')}; upgrade the older one`,
      );
    }
    const name = this.#nameOf(fingerprint, invitation);
    // One port for both may have another number where local dials it (port forwarding), so it is not named then.
    const tunnelPort = this.#options.tunnelPort();
    const welcome: Welcome = { version, name, software: SOFTWARE, ...(tunnelPort !== undefined && { tunnelPort }) };
    connection.send(encodeJsonFrame(FrameType.welcome, 0, welcome));
    const { registry, pool } = this.#options;
    registry.add(new LocalSession({ name, fingerprint, from, software, platform, version }, connection, pool));
  }

  /**
   * The name of whoever has this key. A new key needs an invitation; a known one that comes with an invitation which is
   * used up did so because it never saw our first answer. Throws `unknown-local` or `invitation-invalid`.
   */
  #nameOf(fingerprint: string, invitation: string | undefined): string {
    const { store } = this.#options;
    const known = store.localByFingerprint(fingerprint);
    if (invitation === undefined) {
      if (known !== undefined) return known.name;
      throw new DepotError(
        'unknown-local',
        'this server does not know this local, or has revoked it; join with a new link from `depot invite`',
      );
    }
    const taken = store.takeInvitation(digestOfSecret(invitation), Date.now());
    if (taken.kind === 'valid') return this.#join(taken.name, known?.name, fingerprint);
    if (taken.kind === 'used' && known !== undefined) return known.name;
    const why = { used: 'was used before', expired: 'has expired', unknown: 'is not known to this server' }[taken.kind];
    throw new DepotError(
      'invitation-invalid',
      `this join link ${why}; make a new one with \`depot invite NAME\` on the server`,
    );
  }

  #join(name: string, oldName: string | undefined, fingerprint: string): string {
    const { store, registry, log } = this.#options;
    if (oldName !== undefined && oldName !== name) {
      registry.end(oldName, new DepotError('replaced', `local ${oldName} is called ${name} now`));
    }
    store.saveLocal(name, fingerprint, Date.now());
    log.info({ event: 'local-joined', local: name }, `local ${name} joined`);
    return name;
  }
}
