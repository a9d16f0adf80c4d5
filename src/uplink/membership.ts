// Where this local or client has joined: what it remembers of its server, in its home.

import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Home } from '../config/home.ts';
import { DepotError, messageOf } from '../errors.ts';
import type { JoinLink } from '../link/join-link.ts';
import { localName, userName, type Welcome } from '../link/messages.ts';
import { digestOfSecret } from '../net/identity.ts';

const Membership = z.object({
  host: z.string(),
  port: z.int(),
  /** The server's pinned key. */
  fingerprint: z.string(),
  /** The local, or the device of the user. */
  name: localName,
  /** Whose device this client is. */
  user: userName.optional(),
  /** SHA-256 of the invitation that was used up, to know the link when it comes again. */
  invitationDigest: z.string(),
});
export type Membership = z.infer<typeof Membership>;

export const membershipOf = (
  { host, port, fingerprint, invitation }: JoinLink,
  { name, user }: Welcome,
): Membership => ({
  host,
  port,
  fingerprint,
  name,
  ...(user !== undefined && { user }),
  invitationDigest: digestOfSecret(invitation),
});

export const wasJoinedWith = (membership: Membership, { invitation }: JoinLink): boolean =>
  membership.invitationDigest === digestOfSecret(invitation);

export const loadMembership = (linkFile: string): Membership | undefined => {
  if (!existsSync(linkFile)) return undefined;
  try {
    return Membership.parse(JSON.parse(readFileSync(linkFile, 'utf8')));
  } catch (cause) {
    throw new DepotError(
      'unusable-home',
      `${linkFile} is damaged: ${messageOf(cause)}. Remove it and join again with a new link.`,
      { cause },
    );
  }
};

export const saveMembership = (home: Home, linkFile: string, membership: Membership): void =>
  home.write(linkFile, `${JSON.stringify(membership, null, 2)}\n`);
