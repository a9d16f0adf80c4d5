// The ports of a server: all of them listen, or none.

import type net from 'node:net';
import type { ServerConfig } from '../config/schema.ts';
import { Listener } from '../net/listener.ts';

export interface Ports {
  readonly socks: Listener;
  readonly control: Listener;
  /** The control port itself, unless it is another one. */
  readonly tunnel: Listener;
}

export interface PortHandlers {
  readonly onClient: (socket: net.Socket) => void;
  /** Somebody at the control port or the tunnel port. */
  readonly onLink: (socket: net.Socket) => void;
}

/** Rejects with `address-in-use` or `invalid-config`, and leaves nothing open. */
export const openPorts = async (
  { host, socksHost = host, socksPort, controlPort, tunnelPort }: ServerConfig,
  { onClient, onLink }: PortHandlers,
): Promise<Ports> => {
  const opened: Listener[] = [];
  const open = async (...args: Parameters<typeof Listener.listen>): Promise<Listener> => {
    const listener = await Listener.listen(...args);
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
    return { control, tunnel, socks };
  } catch (error) {
    for (const listener of opened) listener.close();
    throw error;
  }
};
