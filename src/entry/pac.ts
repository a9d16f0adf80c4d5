// The proxy auto-configuration file: tells a browser to send *.depot here, and what rules add to that. Pure.
// It is a program that browsers run, and hosts and rules come from outside: they get into it as JSON and nothing else.

import type { OrderedRule } from '../rules/ordered.ts';
import { formatAddress } from '../socks/address.ts';
import { parseAuthority } from './http-target.ts';
import { pacRuleOf } from './pac-rules.ts';

export const PAC_PATH = '/proxy.pac';
/** A page that takes it for a script of its own gets nothing of it. */
export const PAC_HEADERS = {
  'Content-Type': 'application/x-ns-proxy-autoconfig',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

export interface PacProxy {
  readonly host: string;
  readonly port: number;
  /** Whether the browser speaks TLS with the proxy. */
  readonly secure: boolean;
}

/** JSON that is JavaScript of every age, in ASCII. */
const literal = (value: unknown): string =>
  JSON.stringify(value).replace(/[^ -~]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * Judges by `rules`. The first that matches host and port decides; names are not resolved, for only locals know them.
 * In the oldest JavaScript there is, and without regular expressions that a page could keep busy with a long name.
 */
const RULES_PROGRAM = `
// "4" or "6", then the bits of an IP address; "" for a name.
function bits(host) {
  var text = "", groups, i;
  if (/^\\d+\\.\\d+\\.\\d+\\.\\d+$/.test(host)) {
    groups = host.split(".");
    for (i = 0; i < 4; i += 1) text += (256 + Number(groups[i])).toString(2).slice(-8);
    return "4" + text;
  }
  if (!/^[\\da-f:]+$/.test(host) || host.indexOf(":") < 0) return "";
  var halves = host.split("::"), head = halves[0] ? halves[0].split(":") : [];
  var tail = halves[1] ? halves[1].split(":") : [];
  while (halves.length > 1 && head.length + tail.length < 8) head.push("0");
  groups = head.concat(tail);
  for (i = 0; i < groups.length; i += 1) text += (65536 + parseInt(groups[i], 16)).toString(2).slice(-16);
  return "6" + text;
}

function named(pattern, host) {
  var parts = pattern.split("*"), last = parts.length - 1, at = parts[0].length, i;
  if (last === 0) return host === pattern;
  if (host.slice(0, at) !== parts[0]) return false;
  for (i = 1; i < last; i += 1) {
    var found = host.indexOf(parts[i], at);
    if (found < 0) return false;
    at = found + parts[i].length;
  }
  var end = host.length - parts[last].length;
  return end >= at && host.slice(end) === parts[last];
}

function portOf(url) {
  var port = /^[a-z]+:\\/\\/(?:[^\\/?#@]*@)?(?:\\[[^\\]]*\\]|[^\\/?#:]*):(\\d+)/i.exec(url);
  if (port) return Number(port[1]);
  return /^(https|wss):/i.test(url) ? 443 : 80;
}

function allowed(url, host) {
  var own = bits(host), port = portOf(url), i, j;
  if (host === "localhost" || host === "::1" || own.slice(0, 9) === "401111111") return false;
  for (i = 0; i < rules.length; i += 1) {
    var target = rules[i].host, ports = rules[i].ports;
    var hit = typeof target === "string" ? named(target, host) : own.indexOf(bits(target[0]).slice(0, target[1] + 1)) === 0;
    for (j = 0; hit && j < ports.length; j += 1)
      if (port >= ports[j][0] && port <= ports[j][1]) return rules[i].allow;
  }
  return false;
}
`;

/** The text. Names under .depot never go anywhere else: they mean nothing to others, and need not be known to them. */
export const pacFor = ({ host, port, secure }: PacProxy, given: readonly OrderedRule[] = []): string => {
  const proxy = literal(`${secure ? 'HTTPS' : 'PROXY'} ${formatAddress({ host, port })}`);
  const rules = given.map(pacRuleOf).filter((rule) => rule !== undefined);
  const data = rules.map((rule) => `  ${literal(rule)}`).join(',\n');
  const [program, extra] =
    rules.length === 0
      ? ['', '']
      : [
          `var rules = [\n${data}\n];\n${RULES_PROGRAM}\n`,
          `  host = host.toLowerCase().replace(/^\\[|\\]$/g, "").replace(/\\.$/, "");\n  if (allowed(url, host)) return ${proxy};\n`,
        ];
  return `${program}function FindProxyForURL(url, host) {
  if (/\\.depot\\.?$/i.test(host)) return ${proxy};
${extra}  return "DIRECT";
}
`;
};

export interface AskedFor {
  /** The Host field of whoever asks. */
  readonly hostHeader: string | undefined;
  /** What the operator says this host is called, where that was said. */
  readonly advertised: string | undefined;
  /** The address and port that the connection came in on. */
  readonly own: { readonly host: string; readonly port: number };
  readonly secure: boolean;
}

/**
 * How whoever asks reaches this entry. The Host field goes into a program that a browser runs, so it counts only where
 * it is nothing but a host and a port; the name that the operator gave counts more. Its port may differ from ours
 * where a router forwards it.
 */
export const pacProxyOf = ({ hostHeader = '', advertised, own, secure }: AskedFor): PacProxy => {
  const asked = parseAuthority(hostHeader, secure ? 443 : 80);
  return { host: advertised ?? asked?.host ?? own.host, port: asked?.port ?? own.port, secure };
};
