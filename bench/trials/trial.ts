// What the parts of the trial have in common.

/** The cipher that depot's link prefers. */
export const CIPHER = 'TLS_AES_128_GCM_SHA256';

/** Down is from TLS to plain, as a local's answer comes to a client; up is the other way. */
export type Direction = 'down' | 'up';

/** Where the ends listen, on loopback. */
export interface Ends {
  readonly securePort: number;
  readonly plainPort: number;
}

/** One thread and Node's own TLS; the same in a thread for each half of the streams; OpenSSL through `node:ffi`. */
export const WAYS = ['portable', 'threads', 'native'] as const;
export type Way = (typeof WAYS)[number];

export interface Job {
  readonly way: Way;
  readonly direction: Direction;
  readonly streams: number;
  readonly ends: Ends;
}
