// A listening port: binds with an error that a person can act on, knows its connections, closes for good.

import net from 'node:net';
import { DepotError, errnoOf } from '../errors.ts';
import type { Address } from '../socks/address.ts';

export interface ListenOptions {
  /** Address to bind; `::` means every address of both families, and falls back to IPv4 where there is no IPv6. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** What the port is for, for messages. */
  readonly purpose: string;
  /** The flag that changes the port, for messages. */
  readonly flag: string;
}

/** A port that listens in another process, which hands it over when it is time. */
export interface Inherited {
  /** Where it listens. */
  readonly address: Address;
  /** Calls `take`, once, with something that `listen` of a server takes. It accepts from that moment on. */
  readonly whenHanded: (take: (handle: net.Server) => void) => void;
}

/** The port that another process hands over in place of this one; undefined where there is none. */
export type Inherit = (options: Omit<ListenOptions, 'flag'>) => Inherited | undefined;

/** A listening port as another process can take it over. */
export interface Legacy extends Omit<ListenOptions, 'flag'> {
  readonly address: Address;
  readonly server: net.Server;
}

/**
 * How many connections the system keeps for a port until they are accepted; it takes its own most where that is less
 * (`net.core.somaxconn`, 4096 on Linux). Node's 511 are gone when a browser opens its windows while we hash a password:
 * the system drops what comes then, and who dialed tries again a second later.
 */
const BACKLOG = 4096;

const ANY_IPV6 = '::';
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);

export class Listener {
  readonly #server: net.Server;
  readonly #options: ListenOptions;
  readonly address: Address;

  private constructor(server: net.Server, options: ListenOptions, address: Address) {
    this.#server = server;
    this.#options = options;
    this.address = address;
  }

  /** Binds. Sockets arrive paused. Rejects with `address-in-use` or `invalid-config`. */
  static async listen(
    options: ListenOptions,
    onSocket: (socket: net.Socket) => void,
    inherit?: Inherit,
  ): Promise<Listener> {
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, onSocket);
    const inherited = inherit?.(options);
    if (inherited !== undefined) {
      inherited.whenHanded((handle) => server.listen(handle, BACKLOG));
      return new Listener(server, options, inherited.address);
    }
    await bindAnywhere(server, options);
    const { address, port } = server.address() as net.AddressInfo;
    return new Listener(server, options, { host: address, port });
  }

  /** What another process needs to know to listen in our place. */
  get legacy(): Legacy {
    const { host, port, purpose } = this.#options;
    return { host, port, purpose, address: this.address, server: this.#server };
  }

  /** Listens again, at the same address, after `close`. Rejects as `listen` does. */
  async reopen(): Promise<void> {
    if (!this.#server.listening) await bindAnywhere(this.#server, { ...this.#options, port: this.address.port });
  }

  /** Stops accepting. Connections that are there stay. */
  close(): void {
    this.#server.close();
  }
}

const bindAnywhere = async (server: net.Server, options: ListenOptions): Promise<void> => {
  try {
    await bind(server, options.host, options.port);
  } catch (error) {
    if (options.host !== ANY_IPV6 || !NO_IPV6.has(errnoOf(error) ?? '')) throw describe(error, options);
    await bind(server, '0.0.0.0', options.port).catch((again: unknown) => {
      throw describe(again, options);
    });
  }
};

const bind = (server: net.Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });

const describe = (error: unknown, { host, port, purpose, flag }: ListenOptions): DepotError => {
  const errno = errnoOf(error);
  const where = `the ${purpose} port ${port} on ${host}`;
  if (errno === 'EADDRINUSE') {
    return new DepotError(
      'address-in-use',
      `Another program listens on ${where}. Stop it, or choose another port with ${flag}.`,
      { cause: error },
    );
  }
  if (errno === 'EACCES') {
    return new DepotError(
      'invalid-config',
      `This user may not listen on ${where}. Choose a port above 1023 with ${flag}.`,
      { cause: error },
    );
  }
  return new DepotError(
    'invalid-config',
    `Cannot listen on ${where}: ${errno ?? String(error)}. Check --host and ${flag}.`,
    { cause: error },
  );
};
