// Local's Connector: one for each command.

import { DepotError } from '../errors.ts';
import type { Connector } from '../net/connector.ts';
import type { Command } from '../socks/messages.ts';
import { type AssociatorOptions, createAssociator } from './associate.ts';
import { createDialer, type DialerOptions } from './dialer.ts';
import { createResolver, createReverseResolver, type ResolverOptions } from './resolver.ts';

const unsupported: Connector = ({ command }) =>
  Promise.reject(new DepotError('command-unsupported', `command ${command} is not supported`));

export const createConnector = (options: AssociatorOptions & DialerOptions & ResolverOptions): Connector => {
  const connectors: Readonly<Record<Command, Connector>> = {
    'connect': createDialer(options),
    'bind': unsupported,
    'associate': createAssociator(options),
    'resolve': createResolver(options),
    'resolve-ptr': createReverseResolver(options),
  };
  return (request, signal) => connectors[request.command](request, signal);
};
