// The join link: everything that a new local or client needs to find and to trust its server, in one line to paste. Pure.
//   depot://INVITATION@HOST:PORT/NAME#FINGERPRINT          for a local
//   depot://INVITATION@HOST:PORT/client/USER#FINGERPRINT   for a client of a user

import { DepotError } from '../errors.ts';
import { localName, userName } from './messages.ts';

/** Who a link is for. */
export type JoiningRole = 'local' | 'client';

export interface JoinLink {
  readonly role: JoiningRole;
  readonly host: string;
  readonly port: number;
  /** What the local will be called, or the user whose client joins. */
  readonly name: string;
  /** SHA-256 of the server's public key (SPKI), base64url. */
  readonly fingerprint: string;
  /** The single-use secret, base64url. */
  readonly invitation: string;
}

const LINK = /^depot:\/\/([\w-]{20,100})@(\[[\da-f:.]+\]|[\w.-]+):(\d{1,5})\/(client\/)?([^#/]+)#([\w-]{43})$/i;

export const formatJoinLink = ({ role, host, port, name, fingerprint, invitation }: JoinLink): string => {
  const authority = host.includes(':') ? `[${host}]` : host;
  return `depot://${invitation}@${authority}:${port}/${role === 'client' ? 'client/' : ''}${name}#${fingerprint}`;
};

/** Throws `invalid-argument` without ever repeating the secret. */
export const parseJoinLink = (text: string): JoinLink => {
  const [, invitation, authority, port, client, name, fingerprint] = LINK.exec(text.trim()) ?? [];
  const role = client === undefined ? 'local' : 'client';
  const isWhole = invitation !== undefined && authority !== undefined && fingerprint !== undefined;
  const isNamed = (role === 'client' ? userName : localName).safeParse(name).success;
  if (!isWhole || name === undefined || !isNamed || Number(port) < 1 || Number(port) > 65535) {
    const why = text.startsWith('depot://')
      ? 'it is cut off or changed; a shell needs it in single quotes'
      : 'it does not begin with depot://';
    throw new DepotError(
      'invalid-argument',
      `This is no join link: ${why}. Make a new one with \`depot invite NAME\` (or \`depot invite --user USER\` for a client) on the server.`,
    );
  }
  return { role, host: authority.replace(/^\[|\]$/g, ''), port: Number(port), name, fingerprint, invitation };
};

/** Throws `invalid-argument` where the link is for somebody else, and says what to do with it. */
export const requireRole = ({ role, name }: JoinLink, wanted: JoiningRole): void => {
  if (role === wanted) return;
  throw new DepotError(
    'invalid-argument',
    role === 'client'
      ? `This link is for a client of user ${name}: run \`depot client\` with it. A link for a local is made with \`depot invite NAME\` on the server.`
      : `This link is for a local called ${name}: run \`depot local\` with it. A link for a client is made with \`depot invite --user USER\` on the server.`,
  );
};
