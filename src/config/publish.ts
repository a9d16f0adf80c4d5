// Published ports as an operator writes them: an object in the file, or `LISTEN[/udp]=HOST:PORT[,key=value…]` in one line.

import { z } from 'zod';
import { parseNetwork } from '../rules/network.ts';
import { parseAddress } from '../socks/address.ts';

const target = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, 'HOST:PORT is expected, such as nas.depot:22');

const network = z
  .string()
  .refine((text) => parseNetwork(text) !== undefined, 'an address or a network is expected, such as 203.0.113.0/24');

const SHORT = /^(\d{1,5})(?:\/(\w+))?=([^,]+)((?:,\w+=[^,]+)*)$/;

/** The one line as the object that it stands for; what is none is left for the schema to refuse. */
const expand = (value: unknown): unknown => {
  const [, listen, protocol, to, rest = ''] = (typeof value === 'string' && SHORT.exec(value)) || [];
  if (listen === undefined) return value;
  const pairs = rest
    .split(',')
    .slice(1)
    .map((pair) => pair.split('='));
  const from = pairs.filter(([key]) => key === 'from').map(([, text]) => text);
  const others = Object.fromEntries(pairs.filter(([key]) => key !== 'from'));
  return {
    listen: Number(listen),
    ...(protocol !== undefined && { protocol }),
    to,
    ...(from.length > 0 && { from }),
    ...others,
  };
};

const fields = {
  /** What comes there; TCP where it is not given. */
  protocol: z.enum(['tcp', 'udp']).optional(),
  /** The port that is opened; 0 for any that is free. */
  listen: z.int().min(0).max(65535),
  /** What it leads to: HOST:PORT, with an IPv6 host in brackets. */
  to: target,
  /** Who may connect; needed where others than this machine could. */
  from: z.array(network).min(1).optional(),
  /** The address to listen on. */
  host: z.string().min(1).optional(),
};

const form = { error: (issue: { code?: string }) => (issue.code === 'invalid_type' ? FORM : undefined) };
const FORM =
  'an object with listen and to, or LISTEN[/udp]=HOST:PORT, is expected; LISTEN is a port; its address goes behind it as ,host=ADDRESS';

/** A port that a client opens on its own machine. */
export const ClientPublish = z.preprocess(expand, z.strictObject(fields, form));

/** A port that a server opens; `user` says whose rules count. */
export const ServerPublish = z.preprocess(
  expand,
  z.strictObject({ ...fields, user: z.string().min(1).optional() }, form),
);
