// Which fields of a message are for the next hop only and end here (RFC 9110, section 7.6.1). Pure.
//
// Every field goes on as it was written and in its order, but for these. How long a body is says depot anew for each
// hop, from what the platform's parser understood: a message never has two meanings (request smuggling).
// There is no Via: to an app depot is a client that stands beside it, the same as through SOCKS, and some web servers
// turn compression off where they see one. It is there to find loops, and none can be: what depot sends to an app is
// never in absolute-form, and the door forwards nothing else.

/** Names and values in turns, as the platform's parser gives and takes them. */
export type RawHeaders = readonly string[];

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** What no Connection field can take out of a message: its meaning would change. */
const ESSENTIAL: ReadonlySet<string> = new Set(['content-length', 'host']);

/** Methods that have no body where nothing is said of one; of the others the platform would send a chunked one. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

type Pair = readonly [name: string, value: string];

const pairsOf = (raw: RawHeaders): Pair[] =>
  Array.from({ length: raw.length / 2 }, (_, index) => [raw[index * 2] ?? '', raw[index * 2 + 1] ?? '']);

const valuesOf = (pairs: readonly Pair[], name: string): string[] =>
  pairs.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);

/** The fields that are for the other end. */
const endToEnd = (pairs: readonly Pair[]): Pair[] => {
  const named = valuesOf(pairs, 'connection')
    .flatMap((value) => value.split(','))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => !ESSENTIAL.has(name));
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  return pairs.filter(([name]) => !dropped.has(name.toLowerCase()));
};

const without = (pairs: readonly Pair[], name: string): Pair[] =>
  pairs.filter(([other]) => other.toLowerCase() !== name);

export interface RequestHead {
  readonly method: string | undefined;
  readonly rawHeaders: RawHeaders;
  /** The app, as the request's target names it; a Host field that says something else is not believed (RFC 9112, 3.2.2). */
  readonly host: string;
  /** Set where the connection is to become one of another protocol. */
  readonly upgrade?: string | undefined;
}

/** What goes to the app. */
export const requestHeaders = ({ method, rawHeaders, host, upgrade }: RequestHead): string[] => {
  const all = pairsOf(rawHeaders);
  const kept = without(endToEnd(all), 'host');
  const connection: Pair[] =
    upgrade === undefined
      ? [['Connection', 'close']]
      : [
          ['Connection', 'Upgrade'],
          ['Upgrade', upgrade],
        ];
  return [['Host', host] as const, ...framed(method, all, kept), ...connection].flat();
};

/** One length of a request's body: chunked where it came so, else what Content-Length said, else nothing. */
const framed = (method: string | undefined, all: readonly Pair[], kept: readonly Pair[]): readonly Pair[] => {
  if (valuesOf(all, 'transfer-encoding').length > 0)
    return [...without(kept, 'content-length'), ['Transfer-Encoding', 'chunked']];
  const saysNothing = valuesOf(kept, 'content-length').length === 0;
  return saysNothing && !BODILESS.has(method ?? 'GET') ? [...kept, ['Content-Length', '0']] : kept;
};

/** What goes back to the client. Without a Content-Length the platform sends the body in chunks. */
export const responseHeaders = (rawHeaders: RawHeaders): string[] => {
  const all = pairsOf(rawHeaders);
  const kept = endToEnd(all);
  return (valuesOf(all, 'transfer-encoding').length > 0 ? without(kept, 'content-length') : kept).flat();
};
