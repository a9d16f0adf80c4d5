// Bytes for the tables of tests: hex as the RFCs print it, and every way to cut a message in two.

/** `05 01 00` as bytes; quoted parts are ASCII text: `03 03 "abc" 00 50`. */
export const hex = (text: string): Uint8Array => {
  const parts = text.match(/"[^"]*"|[0-9a-fA-F]{2}/g) ?? [];
  return Uint8Array.from(
    parts.flatMap((part) => (part.startsWith('"') ? [...Buffer.from(part.slice(1, -1))] : [Number.parseInt(part, 16)])),
  );
};

/** Bytes as `05 01 00`, to be compared by eye. */
export const toHex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
