// The ports of a server for clients and locals, published ones too: all of them listen, or none.

import type net from 'node:net';
import type { ServerConfig } from '../config/schema.ts';
import { type Published, type PublishedOptions, type PublishedPort, PublishedPorts } from '../entry/published.ts';
import { DepotError } from '../errors.ts';
import { type Inherit, type Legacy, Listener, type ListenOptions } from '../net/listener.ts';
import { advertisedHost, isGuessed } from './state.ts';

export interface PortHandlers {
  readonly onClient: (socket: net.Socket) => void;
  /** Somebody at the control port or the tunnel port. */
  readonly onLink: (socket: net.Socket) => void;
  readonly published: Pick<PublishedOptions, 'streams' | 'share' | 'descriptors' | 'onTurnedAway' | 'onUnforeseen'>;
}

/** Where clients and locals reach a server. */
export interface ServerAddress {
  readonly host: string;
  /** Whether `host` is only this machine's first address, for want of `advertise`. */
  readonly guessed: boolean;
  readonly socksPort: number;
  readonly controlPort: number;
  readonly tunnelPort: number;
}

export class Ports {
  readonly socks: Listener;
  readonly control: Listener;
  /** The control port itself, unless it is another one. */
  readonly tunnel: Listener;
  readonly #published: PublishedPorts;
  readonly #config: ServerConfig;

  private constructor(
    { socks, control, tunnel }: Pick<Ports, 'socks' | 'control' | 'tunnel'>,
    config: ServerConfig,
    publishing: PublishedOptions,
  ) {
    this.#config = config;
    this.socks = socks;
    this.control = control;
    this.tunnel = tunnel;
    this.#published = new PublishedPorts(publishing);
  }

  /** Rejects with `address-in-use` or `invalid-config`, and leaves nothing open. */
  static async open(
    config: ServerConfig,
    { onClient, onLink, published }: PortHandlers,
    inherit: Inherit | undefined,
  ): Promise<Ports> {
    const { host, socksHost = host, socksPort, controlPort, tunnelPort } = config;
    const opened: Listener[] = [];
    const open = async (options: ListenOptions, onSocket: (socket: net.Socket) => void): Promise<Listener> => {
      const listener = await Listener.listen(options, onSocket, inherit);
      opened.push(listener);
      return listener;
    };
    try {
      const control = await open({ host, port: controlPort, purpose: 'control', flag: '--control-port' }, onLink);
      const { port } = control.address;
      const tunnel =
        (tunnelPort ?? port) === port
          ? control
          : await open({ host, port: tunnelPort ?? port, purpose: 'tunnel', flag: '--tunnel-port' }, onLink);
      const socks = await open({ host: socksHost, port: socksPort, purpose: 'SOCKS', flag: '--socks-port' }, onClient);
      const ports = new Ports({ control, tunnel, socks }, config, {
        ...published,
        settings: config,
        defaultHost: socksHost,
        inherit,
      });
      const now = config.publish.filter(({ protocol }) => inherit === undefined || protocol !== 'udp');
      await (
        await ports.publish(now)
      )();
      return ports;
    } catch (error) {
      for (const listener of opened) listener.close();
      throw error;
    }
  }

  /** With the ports that there really are. */
  addressOf(config: ServerConfig): ServerAddress {
    return {
      host: advertisedHost(config),
      guessed: isGuessed(config),
      socksPort: this.socks.address.port,
      controlPort: this.control.address.port,
      tunnelPort: this.tunnel.address.port,
    };
  }

  /** The port for tunnels, where it is another one than the control port. */
  get ownTunnelPort(): number | undefined {
    return this.tunnel === this.control ? undefined : this.tunnel.address.port;
  }

  get published(): readonly PublishedPort[] {
    return this.#published.all;
  }

  /** Opens and closes published ports, by what differs; see `PublishedPorts.change`. */
  publish(ports: readonly Published[]): Promise<() => Promise<number>> {
    return this.#published.change(ports);
  }

  /** For another process: the doors of the link, and those for everybody else. */
  get links(): Legacy[] {
    return [...new Set([this.control, this.tunnel])].map(({ legacy }) => legacy);
  }
  get entries(): Legacy[] {
    return [this.socks, ...this.published].flatMap(({ legacy }) => legacy ?? []);
  }

  closeLinks(): void {
    this.control.close();
    this.tunnel.close();
  }

  closeEntries(): void {
    this.socks.close();
    this.#published.close();
  }

  /** Listens again where that was left to another process, which is gone. Rejects with `address-in-use` or `invalid-config`. */
  async takeBack(): Promise<void> {
    for (const listener of new Set([this.control, this.tunnel])) await listener.reopen();
    await this.#published.takeBack(this.#config.publish);
  }

  /** Ends what two processes cannot have at once: UDP ports, with their associations. */
  yieldDatagrams(): void {
    this.#published.yieldDatagrams(new DepotError('stopped', 'another process has this UDP port now'));
  }
}
