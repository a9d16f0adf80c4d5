// depot status, depot kick

import { Command } from 'commander';
import { formatAddress } from '../socks/address.ts';
import type {
  ClientDeviceStatus,
  ClientStatus,
  LinkStatus,
  ServerStatus,
  Status,
  StreamStatus,
  UplinkStatus,
} from '../watch/status.ts';
import { askRunning } from './admin-client.ts';
import { describeLastError, describeOutage, duration, size, stateOf } from './format.ts';
import { paint, print, printJson, table } from './output.ts';
import { homeOption } from './settings.ts';

const milliseconds = (value: number | null): string =>
  value === null ? '-' : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const since = (then: number | null, now: number): string => (then === null ? '-' : duration(now - then));
const tunnels = ({ idle, busy }: { idle: number; busy: number }): string => `${busy} busy, ${idle} idle`;

/** What a role says of itself behind its age. */
const ending = (draining: boolean): string =>
  draining ? `, ${paint('warning', 'DRAINING')}: takes nothing new, streams may end` : '';

const streamTable = (streams: readonly StreamStatus[], now: number): string =>
  streams.length === 0
    ? 'no streams'
    : table({
        head: ['STREAM', 'USER', 'FROM', 'COMMAND', 'TARGET', 'LOCAL', 'AGE', 'UP', 'DOWN', 'STATE'],
        rows: streams.map(({ id, command, user, from, target, local, startedAt, bytesUp, bytesDown, state }) => [
          String(id),
          user ?? '-',
          from,
          command,
          formatAddress(target),
          local ?? '-',
          duration(now - startedAt),
          size(bytesUp),
          size(bytesDown),
          state,
        ]),
      });

/** Nothing, where none was refused. */
const shortage = ({ limit, refused }: Status['descriptors']): string[] =>
  refused === 0 ? [] : [paint('warning', `${refused} connections were refused: only ${limit} files may be open`)];

const describeServer = (
  {
    version,
    startedAt,
    draining,
    descriptors,
    host,
    ports,
    fingerprint,
    users,
    locals,
    clients,
    streams,
  }: ServerStatus,
  now: number,
): string =>
  [
    `depot server ${version}, up ${duration(now - startedAt)}${ending(draining)}`,
    `listens on ${host === '::' ? 'all addresses' : host}: clients ${ports.socks}, locals ${ports.control}${ports.tunnel === ports.control ? '' : `, tunnels ${ports.tunnel}`}`,
    `fingerprint ${fingerprint}, users ${users}`,
    ...shortage(descriptors),
    '',
    locals.length === 0
      ? 'no local has joined; `depot invite NAME` makes a link for one'
      : table({
          head: ['LOCAL', 'STATE', 'FOR', 'FROM', 'RTT', 'TUNNELS', 'STREAMS'],
          rows: locals.map((local) => [
            local.name,
            stateOf(local),
            local.connected ? since(local.since, now) : duration(now - local.lastSeenAt),
            local.from ?? '-',
            milliseconds(local.rttMs),
            tunnels(local.tunnels),
            String(local.streams),
          ]),
        }),
    ...(clients.length === 0 ? [] : ['', clientTable(clients, now)]),
    '',
    streamTable(streams, now),
  ].join('\n');

const clientTable = (clients: readonly ClientDeviceStatus[], now: number): string =>
  table({
    head: ['CLIENT', 'STATE', 'FOR', 'FROM', 'RTT', 'TUNNELS'],
    rows: clients.map((client) => [
      `${client.user}/${client.device}`,
      // A laptop that is away is nobody's worry.
      stateOf(client, 'quiet'),
      client.connected ? since(client.since, now) : duration(now - client.lastSeenAt),
      client.from ?? '-',
      milliseconds(client.rttMs),
      tunnels(client.tunnels),
    ]),
  });

const OUTAGES_SHOWN = 5;

const describeUplink = (uplink: UplinkStatus, as: string, now: number): string =>
  [
    uplink.connected
      ? `${paint('good', 'connected')} to ${uplink.server} as ${as} for ${since(uplink.since, now)}, RTT ${milliseconds(uplink.rttMs)}`
      : `${paint('bad', 'NOT connected')} to ${uplink.server} as ${as}${describeLastError(uplink)}`,
    `reconnects ${uplink.reconnects}`,
    ...uplink.outages.slice(0, OUTAGES_SHOWN).map((outage) => `  ${describeOutage(outage, now)}`),
    `tunnels ${tunnels(uplink.tunnels)}`,
  ].join('\n');

const describeClient = (status: ClientStatus, now: number): string =>
  [
    `depot client ${status.version}, up ${duration(now - status.startedAt)}${ending(status.draining)}`,
    `listens on ${formatAddress(status)}`,
    describeUplink(status, `${status.user}/${status.name}`, now),
    ...shortage(status.descriptors),
    '',
    streamTable(status.streams, now),
  ].join('\n');

const describeLocal = (status: LinkStatus, now: number): string =>
  [
    `depot local ${status.version}, up ${duration(now - status.startedAt)}${ending(status.draining)}`,
    describeUplink(status, status.name, now),
    ...shortage(status.descriptors),
    `rules ${status.rules.join('  ')}`,
    '',
    streamTable(status.streams, now),
  ].join('\n');

const describe = (status: Status): string => {
  const now = Date.now();
  switch (status.role) {
    case 'server':
      return describeServer(status, now);
    case 'local':
      return describeLocal(status, now);
    case 'client':
      return describeClient(status, now);
  }
};

export const statusCommand = (): Command =>
  new Command('status')
    .addHelpText('after', '\nExamples:\n  depot status\n  depot status --home ~/.depot-nas --json')
    .description('Shows what is connected, on a server, a local or a client that runs with this home.')
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .action(async ({ home, json }: { home: string; json?: true }) => {
      const status = await askRunning(home, (client) => client.status());
      if (json === true) printJson(status);
      else print(describe(status));
    });

export const kickCommand = (): Command =>
  new Command('kick')
    .addHelpText('after', '\nExamples:\n  depot kick 17\n  depot kick nas')
    .argument('<id>', 'the number of a stream, the name of a local, or USER/DEVICE of a client')
    .description(
      "Ends a stream by its number, or a local's session by its name (it will connect again; `depot locals revoke` keeps it out).",
    )
    .addOption(homeOption())
    .action(async (id: string, { home }: { home: string }) => {
      await askRunning(home, (client) => client.kick(id));
    });
