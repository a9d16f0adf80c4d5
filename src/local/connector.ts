// Local's Connector: one for each command.

import type { Connector } from '../net/connector.ts';
import type { Command } from '../socks/messages.ts';
import { type AssociatorOptions, createAssociator } from './associate.ts';
import { type BinderOptions, createBinder } from './bind.ts';
import { createDialer, type DialerOptions } from './dialer.ts';
import { createResolver, createReverseResolver, type ResolverOptions } from './resolver.ts';

export const createConnector = (
  options: AssociatorOptions & BinderOptions & DialerOptions & ResolverOptions,
): Connector => {
  const connectors: Readonly<Record<Command, Connector>> = {
    'connect': createDialer(options),
    'bind': createBinder(options),
    'associate': createAssociator(options),
    'resolve': createResolver(options),
    'resolve-ptr': createReverseResolver(options),
  };
  return (request, signal, progress) => connectors[request.command](request, signal, progress);
};
