// Passwords: argon2id (RFC 9106) in Node's own thread pool, a few at a time, so that no flood of logins takes the machine.
// A stored hash: `argon2id$MEMORY_KIB$PASSES$SALT$HASH`, base64url.

import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { DepotError } from '../errors.ts';

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane; about 50 ms. */
const MEMORY_KIB = 19 * 1024;
const PASSES = 2;
const HASH_BYTES = 32;
const SALT_BYTES = 16;

/** 128 bits: enough for a password that a machine keeps. */
const GENERATED_BYTES = 16;

/** RFC 1929 has one byte for its length. */
const MAX_PASSWORD_BYTES = 255;

/** Throws `invalid-argument`. */
export const requirePassword = (password: string): void => {
  if (password === '' || Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw new DepotError(
      'invalid-argument',
      `A password has 1 to ${MAX_PASSWORD_BYTES} bytes; SOCKS5 has room for no more.`,
    );
  }
};

const derive = promisify(argon2);

const hashWith = (password: string, salt: Buffer, memory: number, passes: number): Promise<Buffer> =>
  derive('argon2id', { message: password, nonce: salt, parallelism: 1, tagLength: HASH_BYTES, memory, passes });

export const generatePassword = (): string => randomBytes(GENERATED_BYTES).toString('base64url');

export const hashPassword = async (password: string): Promise<string> => {
  const salt = randomBytes(SALT_BYTES);
  const hash = await hashWith(password, salt, MEMORY_KIB, PASSES);
  return ['argon2id', MEMORY_KIB, PASSES, salt.toString('base64url'), hash.toString('base64url')].join('$');
};

/** What is verified for a user that does not exist, so that it takes as long as for one that does. */
export const NOBODYS_HASH = ['argon2id', MEMORY_KIB, PASSES, 'AAAAAAAAAAAAAAAAAAAAAA', 'A'.repeat(43)].join('$');

export const verifyPassword = async (password: string, stored: string): Promise<boolean> => {
  const [kind, memory, passes, salt, hash] = stored.split('$');
  if (kind !== 'argon2id' || salt === undefined || hash === undefined) return false;
  const expected = Buffer.from(hash, 'base64url');
  const actual = await hashWith(password, Buffer.from(salt, 'base64url'), Number(memory), Number(passes));
  return expected.length === actual.length && timingSafeEqual(expected, actual);
};
