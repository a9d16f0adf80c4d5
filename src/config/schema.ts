// Every setting of depot: its type, default, unit (in its name) and meaning, in one table per role.
// Flags, variables and keys of the file are all made from here.

import { z } from 'zod';
import { INITIAL_WINDOW_BYTES } from '../link/frames.ts';
import { localName } from '../link/messages.ts';
import { ClientPublish, ServerPublish } from './publish.ts';

const port = z.int().min(0).max(65535);
const milliseconds = (what: string, byDefault: number): z.ZodDefault<z.ZodInt> =>
  z.int().min(1).max(86_400_000).default(byDefault).describe(what);

const rate = (what: string): z.ZodOptional<z.ZodInt> => z.int().min(1).optional().describe(what);

const PORT_RANGE = /^(\d{1,5})-(\d{1,5})$/;

/** `40000-40100` as its first and its last port. */
export const portRangeOf = (text: string): readonly [first: number, last: number] => {
  const [, first, last] = PORT_RANGE.exec(text) ?? [];
  return [Number(first), Number(last)];
};

const isPortRange = (text: string): boolean => {
  const [first, last] = portRangeOf(text);
  return first >= 1 && first <= last && last <= 65535;
};

const MIB = 1024 * 1024;

/**
 * Settings that are bound to ports, files and connections which are made once. Whatever is not in here is read when it is
 * needed, from the one configuration that a role has, so that a reload changes it.
 */
const atStart = z.registry();

/** Whether another value of this setting counts only after a restart. */
export const needsRestart = (field: z.core.$ZodType): boolean => atStart.has(field);

/** What both roles share. */
const shared = {
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('the least that is logged: debug, info, warn, error'),
  handshakeMs: milliseconds('the whole of a handshake, until the request is there', 10_000),
  heartbeatMs: milliseconds('how often each side of a connection asks for a sign of life', 10_000).register(atStart),
  deadAfterMs: milliseconds('silence after which the other side counts as gone', 24_000).register(atStart),
  drainMs: milliseconds('how long running streams may take to end after SIGTERM', 30_000),
  windowMaxBytes: z
    .int()
    .min(INITIAL_WINDOW_BYTES)
    .max(1024 * MIB)
    .default(8 * MIB)
    .describe('how far the window of one stream may grow'),
  windowBudgetBytes: z
    .int()
    .min(0)
    .default(256 * MIB)
    .describe('how much all grown windows may hold together'),
  streamsMax: z
    .int()
    .min(1)
    .default(65_536)
    .describe('how many streams may run at a time, of all kinds; fewer where the process may open fewer files'),
  udpIdleMs: milliseconds('how long a UDP association may carry nothing before it is ended', 300_000),
  udpQueueBytes: z
    .int()
    .min(1024)
    .max(64 * MIB)
    .default(256 * 1024)
    .describe('how much of a UDP association may wait anywhere; what is beyond that is dropped'),
};

/** What those share who let clients in. */
const entry = {
  udpPeersMax: z
    .int()
    .min(1)
    .max(100_000)
    .default(100)
    .describe('how many addresses may send to one published UDP port at a time'),
  strangersMax: z
    .int()
    .min(1)
    .default(4000)
    .describe('how many may wait at a port before they have said what they want; more take the place of the oldest'),
  httpIdleMs: milliseconds('how long an HTTP client may keep a connection between two requests', 60_000),
  pacHosts: z
    .array(z.string().min(1))
    .default([])
    .describe('what browsers with the PAC file send here besides *.depot: HOST[:PORTS], repeatable; readable by all'),
};

/** What those share who have a web page. */
const web = {
  webHost: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('address of the web page; others than loopback need TLS')
    .register(atStart),
  webNames: z
    .array(z.string().min(1))
    .default([])
    .describe('names that the web page is asked for with, besides addresses, localhost and its own; repeatable'),
  webInsecure: z
    .boolean()
    .default(false)
    .describe('serve the web page without TLS, wherever it listens')
    .register(atStart),
  webIdleMs: milliseconds('how long a login to the web page lasts without use', 43_200_000),
};

/** The name of a file, that is; some are read again when they change. */
const file = (what: string): z.ZodOptional<z.ZodString> =>
  z.string().min(1).optional().describe(what).register(atStart);

/** What those share who dial the server. */
const uplink = {
  webPort: port.optional().describe('port for a web page that shows what goes on (default: no page)').register(atStart),
  ...web,
  tlsCertificate: file('file with the certificate of the web page, PEM, chain included'),
  tlsKey: file('file with the private key of tlsCertificate, PEM'),
  bindMs: milliseconds('how long an app may take to connect back (BIND)', 60_000),
  connectMs: milliseconds('how long one attempt to reach the server may take', 4_000),
  reconnectMinMs: milliseconds('the first pause before the server is tried again', 200),
  reconnectSilentMaxMs: milliseconds('the longest pause while nothing answers at the server', 1_500),
  reconnectMaxMs: milliseconds('the longest pause after the server turned us away', 10_000),
};
const UplinkConfig = z.strictObject({ ...uplink, ...shared });
export type UplinkConfig = z.output<typeof UplinkConfig>;

export const ServerConfig = z.strictObject({
  host: z.string().min(1).default('::').describe('address that clients and locals reach, :: for all').register(atStart),
  socksHost: z
    .string()
    .min(1)
    .optional()
    .describe('address that clients reach, where it is another one (default: the host)')
    .register(atStart),
  socksPort: port.default(8864).describe('port for clients: SOCKS and HTTP proxy, plain and in TLS').register(atStart),
  controlPort: port.default(8964).describe('port for locals').register(atStart),
  tunnelPort: port.optional().describe('port for the tunnels of locals (default: the control port)').register(atStart),
  advertise: z
    .string()
    .min(1)
    .optional()
    .describe('the name or address of this host that goes into links')
    .register(atStart),
  publish: z
    .array(ServerPublish)
    .default([])
    .describe('fixed ports for programs that speak no proxy: LISTEN[/udp]=HOST:PORT,from=NETWORK, repeatable'),
  tlsCertificate: file(
    'file with the certificate that the entry and the dashboard show, PEM, chain included (default for the entry: self-signed by the own key)',
  ),
  tlsKey: file('file with the private key of tlsCertificate, PEM'),
  webPort: port.default(8888).describe('port for the dashboard').register(atStart),
  ...web,
  webDisabled: z.boolean().default(false).describe('serve no dashboard').register(atStart),
  allowAnonymous: z.boolean().default(false).describe('let clients in without user and password'),
  tunnelsMin: z.int().min(1).max(256).default(4).describe('idle tunnels that are kept ready per local'),
  tunnelsMax: z.int().min(1).max(256).default(32).describe('the most tunnels per local; beyond them streams share'),
  ...entry,
  openMs: milliseconds('how long a local may take to answer a request; longer than its own dialMs', 30_000),
  strangersPerAddressMax: z.int().min(1).default(1000).describe('the same for one address, or one /64 with IPv6'),
  tunnelIdMs: milliseconds('how long the id of a tunnel that was asked for is good', 10_000),
  webhookUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('where to POST a notice when a local went away or came back; best in the file, where nobody reads along')
    .register(atStart),
  webhookSecretFile: file('file with the secret that notices are signed with (HMAC-SHA256)'),
  webhookAfterMs: milliseconds('how long a local has to be away before anybody is told', 30_000),
  invitationMs: milliseconds('how long a join link is good', 86_400_000),
  rules: z
    .array(z.string().min(1))
    .default([])
    .describe("what every client may reach, after a user's own rules: 'allow HOST[:PORTS]' or 'deny …', repeatable"),
  streamRateBytes: rate('bytes per second in each direction that one stream may carry (default: no limit)'),
  localRateBytes: rate('bytes per second in each direction for all streams of one local (default: no limit)'),
  localRates: z
    .record(z.string(), z.int().min(1))
    .default({})
    .describe('the same for locals by name, in place of localRateBytes'),
  groups: z
    .record(
      localName,
      z.strictObject({ locals: z.array(localName).min(1), policy: z.enum(['first', 'least-busy']).default('first') }),
    )
    .default({})
    .describe('several locals under one name'),
  advertiseUdp: z
    .union([z.ipv4(), z.ipv6()])
    .optional()
    .describe('the IP address that clients are told to send UDP to (default: the one that they reached)'),
  udpPorts: z
    .string()
    .refine((text) => isPortRange(text), 'expected ports such as 40000-40100')
    .optional()
    .describe('ports for UDP from clients, such as 40000-40100 (default: any)'),
  udpAssociationsMax: z.int().min(0).default(1000).describe('how many UDP associations there may be at a time'),
  udpAssociationsPerUserMax: z.int().min(0).default(100).describe('how many of them one user may have'),
  ...shared,
});
export type ServerConfig = z.output<typeof ServerConfig>;

export const LocalConfig = z.strictObject({
  allow: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'what may be dialed besides the loopback: HOST[:PORTS], repeatable; bind:HOST[:PORTS] lets an app connect back',
    ),
  udpDestinationsMax: z
    .int()
    .min(1)
    .default(256)
    .describe('how many destinations one UDP association may have within 30 s'),
  dialMs: milliseconds('how long an app may take to answer, its name included', 10_000),
  ...uplink,
  ...shared,
});
export type LocalConfig = z.output<typeof LocalConfig>;

export const ClientConfig = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('loopback address where programs on this machine find it')
    .register(atStart),
  port: port.default(1080).describe('port where programs on this machine find it').register(atStart),
  publish: z
    .array(ClientPublish)
    .default([])
    .describe('fixed ports for programs that speak no proxy: LISTEN[/udp]=HOST:PORT, repeatable'),
  openMs: milliseconds('how long the server may take to answer a request; longer than its own openMs', 35_000),
  device: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('what this device will be called (default: the host name)')
    .register(atStart),
  ...entry,
  ...uplink,
  ...shared,
});
export type ClientConfig = z.output<typeof ClientConfig>;
