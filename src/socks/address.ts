// The address field that SOCKS requests, replies and UDP headers share (RFC 1928, sections 4 to 7),
// and the text forms of IP addresses. Pure: the URL parser is the platform's own reader of IPv6 text.

/** Where a stream goes to or comes from: an IP address or a domain name, and a port. */
export interface Address {
  /** IPv4 dotted, IPv6 without brackets, or a domain name. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

const AddressType = { ipv4: 0x01, domain: 0x03, ipv6: 0x04 } as const;

/** What "no address" looks like in a reply. */
export const UNSPECIFIED: Address = { host: '0.0.0.0', port: 0 };

export type AddressDecoded =
  | { readonly kind: 'address'; readonly address: Address; readonly taken: number }
  | { readonly kind: 'need-more' }
  | { readonly kind: 'unknown-type' }
  | { readonly kind: 'malformed'; readonly why: string };

const IPV4 = /^(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;
const MAPPED_IPV4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
const NEED_MORE = { kind: 'need-more' } as const;

export const isIPv4 = (host: string): boolean => IPV4.test(host);

/** The shortest text of an IPv6 address (RFC 5952), or undefined where `host` is none. */
const canonicalIPv6 = (host: string): string | undefined => {
  // The URL parser would also read what only begins or ends with an address.
  if (!host.includes(':') || !/^[\da-f:.]+$/i.test(host)) return undefined;
  const url = URL.parse(`http://[${host}]/`);
  return url === null ? undefined : url.hostname.slice(1, -1);
};

export const isIPv6 = (host: string): boolean => canonicalIPv6(host) !== undefined;

export const isIP = (host: string): boolean => isIPv4(host) || isIPv6(host);

/** Without brackets around it and dots behind it, however many: what is left has one spelling, not one more each time. */
const bareHost = (host: string): string => {
  let [start, end] = [0, host.length];
  for (;;) {
    if (host[end - 1] === '.') end -= 1;
    else if (end - start > 1 && host[start] === '[' && host[end - 1] === ']') [start, end] = [start + 1, end - 1];
    else return host.slice(start, end);
    if (end <= start) return '';
  }
};

/**
 * One spelling for every host: no brackets, no zone, no trailing dots, lower case, IPv6 at its shortest,
 * and an IPv4 address that hides in IPv6 (`::ffff:127.0.0.1`) as what it is, so that no rule is blind to it.
 */
export const canonicalHost = (host: string): string => {
  const bare = bareHost(host);
  const ipv6 = canonicalIPv6(bare.replace(/%.*$/, ''));
  if (ipv6 === undefined) return bare.toLowerCase();
  const mapped = MAPPED_IPV4.exec(ipv6);
  if (mapped === null) return ipv6;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
};

/** Reads `HOST:PORT`, with an IPv6 host in brackets; undefined where the text is none. Port 0 is no place to go to. */
export const parseAddress = (text: string): Address | undefined => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const [host, port] = [match?.[1] ?? match?.[2], Number(match?.[3])];
  if (host === undefined || host.length > 255 || port < 1 || port > 65535) return undefined;
  return match?.[1] !== undefined && !isIPv6(host) ? undefined : { host: canonicalHost(host), port };
};

/** Whether a host to listen on is reached from this machine only. */
export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || canonicalHost(host) === '::1' || /^127(?:\.\d+){3}$/.test(canonicalHost(host));

const ipv6Bytes = (canonical: string): Uint8Array => {
  const bytes = new Uint8Array(16);
  const [head = '', rest = ''] = canonical.split('::');
  const write = (groups: string, from: (count: number) => number): void => {
    const parts = groups === '' ? [] : groups.split(':');
    parts.forEach((part, index) => {
      const at = (from(parts.length) + index) * 2;
      const group = Number.parseInt(part, 16);
      bytes[at] = group >> 8;
      bytes[at + 1] = group & 0xff;
    });
  };
  write(head, () => 0);
  write(rest, (count) => 8 - count);
  return bytes;
};

/** The 4 or 16 bytes of an IP address. */
export const ipBytes = (host: string): Uint8Array => {
  const canonical = canonicalHost(host);
  return isIPv4(canonical) ? Uint8Array.from(canonical.split('.').map(Number)) : ipv6Bytes(canonical);
};

const ipv6Text = (bytes: Uint8Array): string => {
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  return canonicalHost(groups.join(':'));
};

/** Whom an IP address, in the spelling of `canonicalHost`, belongs to: whoever has an IPv6 address has the whole /64 around it. */
export const networkOf = (from: string): string => {
  if (!from.includes(':')) return from;
  const [head = '', tail = ''] = from.split('::');
  const groups = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const zeros = Array<string>(8 - groups(head).length - groups(tail).length).fill('0');
  return [...groups(head), ...zeros, ...groups(tail)].slice(0, 4).join(':');
};

/** `host:port`, with brackets where the host is IPv6. */
export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Reads ATYP, ADDR and PORT at `offset`. A name is checked for characters that no host name has. */
export const decodeAddress = (bytes: Uint8Array, offset: number): AddressDecoded => {
  const type = bytes[offset];
  if (type === undefined) return NEED_MORE;
  const address = (host: string, end: number): AddressDecoded => {
    const [high, low] = [bytes[end], bytes[end + 1]];
    if (high === undefined || low === undefined) return NEED_MORE;
    return { kind: 'address', address: { host, port: (high << 8) | low }, taken: end + 2 - offset };
  };
  const at = offset + 1;
  if (type === AddressType.ipv4) {
    return bytes.length < at + 4 ? NEED_MORE : address(bytes.subarray(at, at + 4).join('.'), at + 4);
  }
  if (type === AddressType.ipv6) {
    return bytes.length < at + 16 ? NEED_MORE : address(ipv6Text(bytes.subarray(at, at + 16)), at + 16);
  }
  if (type !== AddressType.domain) return { kind: 'unknown-type' };
  const length = bytes[at];
  if (length === undefined) return NEED_MORE;
  const end = at + 1 + length;
  if (bytes.length < end + 2) return NEED_MORE;
  const name = String.fromCharCode(...bytes.subarray(at + 1, end));
  if (!/^[!-~]+$/.test(name))
    return {
      kind: 'malformed',
      why: length === 0 ? 'an empty host name' : 'a host name with characters that no name has',
    };
  const host = canonicalHost(name);
  return host === '' ? { kind: 'malformed', why: 'a host name of nothing but a dot' } : address(host, end);
};

/** Encodes addresses, and remembers the last one: datagrams come in rows from and to the same place. */
export const createAddressEncoder = (): ((address: Address) => Uint8Array) => {
  let last: Address | undefined;
  let bytes = new Uint8Array();
  return (address) => {
    if (address.host !== last?.host || address.port !== last.port) {
      bytes = encodeAddress(address);
      last = address;
    }
    return bytes;
  };
};

/** Writes ATYP, ADDR and PORT. A name is cut to the 255 bytes that the field can hold. */
export const encodeAddress = (address: Address): Uint8Array<ArrayBuffer> => {
  const host = canonicalHost(address.host);
  const port = [address.port >> 8, address.port & 0xff];
  if (isIPv4(host)) return Uint8Array.from([AddressType.ipv4, ...host.split('.').map(Number), ...port]);
  if (isIPv6(host)) return Uint8Array.from([AddressType.ipv6, ...ipv6Bytes(host), ...port]);
  const name = new TextEncoder().encode(host).subarray(0, 255);
  return Uint8Array.from([AddressType.domain, name.length, ...name, ...port]);
};
