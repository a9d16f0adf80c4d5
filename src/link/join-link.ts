// The join link: everything that a new local needs to find and to trust its server, in one line to paste. Pure.
//   depot://INVITATION@HOST:PORT/NAME#FINGERPRINT

import { DepotError } from '../errors.ts';
import { localName } from './messages.ts';

export interface JoinLink {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** SHA-256 of the server's public key (SPKI), base64url. */
  readonly fingerprint: string;
  /** The single-use secret, base64url. */
  readonly invitation: string;
}

const LINK = /^depot:\/\/([\w-]{20,100})@(\[[\da-f:.]+\]|[\w.-]+):(\d{1,5})\/([^#]+)#([\w-]{43})$/i;

export const formatJoinLink = ({ host, port, name, fingerprint, invitation }: JoinLink): string => {
  const authority = host.includes(':') ? `[${host}]` : host;
  return `depot://${invitation}@${authority}:${port}/${name}#${fingerprint}`;
};

/** Throws `invalid-argument` without ever repeating the secret. */
export const parseJoinLink = (text: string): JoinLink => {
  const [, invitation, authority, port, name, fingerprint] = LINK.exec(text.trim()) ?? [];
  const isWhole = invitation !== undefined && authority !== undefined && fingerprint !== undefined;
  if (!isWhole || !localName.safeParse(name).success || Number(port) < 1 || Number(port) > 65535) {
    const why = text.startsWith('depot://')
      ? 'it is cut off or changed; a shell needs it in single quotes'
      : 'it does not begin with depot://';
    throw new DepotError(
      'invalid-argument',
      `This is no join link: ${why}. Make a new one with \`depot invite NAME\` on the server.`,
    );
  }
  return {
    host: authority.replace(/^\[|\]$/g, ''),
    port: Number(port),
    name: localName.parse(name),
    fingerprint,
    invitation,
  };
};
