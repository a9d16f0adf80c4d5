// The join link: everything that a new local needs to find and to trust its server, in one line to paste. Pure.
//   depot://INVITATION@HOST:PORT/NAME#FINGERPRINT

import { DepotError } from '../errors.ts';

export interface JoinLink {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** SHA-256 of the server's public key (SPKI), base64url. */
  readonly fingerprint: string;
  /** The single-use secret, base64url. */
  readonly invitation: string;
}

const LINK = /^depot:\/\/([\w-]{20,})@(\[[0-9a-fA-F:.]+\]|[^\s:/@#[\]]+):(\d{1,5})\/([a-z0-9-]{1,63})#([\w-]{43})$/;

export const formatJoinLink = ({ host, port, name, fingerprint, invitation }: JoinLink): string => {
  const authority = host.includes(':') ? `[${host}]` : host;
  return `depot://${invitation}@${authority}:${port}/${name}#${fingerprint}`;
};

/** Throws `invalid-argument` without ever repeating the secret. */
export const parseJoinLink = (text: string): JoinLink => {
  const match = LINK.exec(text.trim());
  const [, invitation, authority, port, name, fingerprint] = match ?? [];
  if (
    invitation === undefined ||
    authority === undefined ||
    name === undefined ||
    fingerprint === undefined ||
    Number(port) > 65535
  ) {
    const why = text.startsWith('depot://')
      ? 'it is cut off or changed; a shell needs it in single quotes'
      : 'it does not begin with depot://';
    throw new DepotError(
      'invalid-argument',
      `This is no join link: ${why}. Make a new one with \`depot invite NAME\` on the server.`,
    );
  }
  return { host: authority.replace(/^\[|\]$/g, ''), port: Number(port), name, fingerprint, invitation };
};
