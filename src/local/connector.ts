// Local's Connector: one for each command.

import type { LocalConfig } from '../config/schema.ts';
import type { Connector } from '../net/connector.ts';
import type { Command } from '../socks/messages.ts';
import { type AssociatorOptions, createAssociator } from './associate.ts';
import { type BinderOptions, createBinder } from './bind.ts';
import { createDialer, type DialerOptions } from './dialer.ts';
import { type ConnectApp, orOwnApp } from './own-apps.ts';
import { createResolver, createReverseResolver, type ResolverOptions } from './resolver.ts';

interface ConnectorOptions extends AssociatorOptions, BinderOptions, DialerOptions, ResolverOptions {
  readonly settings: LocalConfig;
  /** Asked before anything is dialed, where a program that embeds this local has apps of its own. */
  readonly connectApp: ConnectApp | undefined;
}

export const createConnector = (options: ConnectorOptions): Connector => {
  const dialer = createDialer(options);
  const connectors: Readonly<Record<Command, Connector>> = {
    'connect': options.connectApp === undefined ? dialer : orOwnApp(options.connectApp, dialer),
    'bind': createBinder(options),
    'associate': createAssociator(options),
    'resolve': createResolver(options),
    'resolve-ptr': createReverseResolver(options),
  };
  return (request, signal, progress) => connectors[request.command](request, signal, progress);
};
