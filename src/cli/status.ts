// depot status, depot kick

import { Command } from 'commander';
import type { StreamSnapshot } from '../net/streams.ts';
import { formatAddress } from '../socks/address.ts';
import type { LinkStatus, ServerStatus, Status } from '../watch/status.ts';
import { askRunning } from './admin-client.ts';
import { duration, print, printJson, size, table } from './output.ts';
import { homeOption } from './settings.ts';

const milliseconds = (value: number | null): string =>
  value === null ? '-' : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const since = (then: number | null, now: number): string => (then === null ? '-' : duration(now - then));
const tunnels = ({ idle, busy }: { idle: number; busy: number }): string => `${busy} busy, ${idle} idle`;

const streamTable = (streams: readonly StreamSnapshot[], now: number): string =>
  streams.length === 0
    ? 'no streams'
    : table(
        ['STREAM', 'USER', 'FROM', 'COMMAND', 'TARGET', 'LOCAL', 'AGE', 'UP', 'DOWN', 'STATE'],
        streams.map(({ id, command, user, from, target, local, startedAt, bytesUp, bytesDown, state }) => [
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
      );

const describeServer = (
  { version, startedAt, host, ports, fingerprint, users, locals, streams }: ServerStatus,
  now: number,
): string =>
  [
    `depot server ${version}, up ${duration(now - startedAt)}`,
    `listens on ${host === '::' ? 'all addresses' : host}: clients ${ports.socks}, locals ${ports.control}${ports.tunnel === ports.control ? '' : `, tunnels ${ports.tunnel}`}`,
    `fingerprint ${fingerprint}, users ${users}`,
    '',
    locals.length === 0
      ? 'no local has joined; `depot invite NAME` makes a link for one'
      : table(
          ['LOCAL', 'STATE', 'FOR', 'FROM', 'RTT', 'TUNNELS', 'STREAMS'],
          locals.map((local) => [
            local.name,
            local.connected ? 'connected' : 'away',
            local.connected ? since(local.since, now) : duration(now - local.lastSeenAt),
            local.from ?? '-',
            milliseconds(local.rttMs),
            tunnels(local.tunnels),
            String(local.streams),
          ]),
        ),
    '',
    streamTable(streams, now),
  ].join('\n');

const describeLocal = (status: LinkStatus, now: number): string =>
  [
    `depot local ${status.version}, up ${duration(now - status.startedAt)}`,
    status.connected
      ? `connected to ${status.server} as ${status.name} for ${since(status.since, now)}, RTT ${milliseconds(status.rttMs)}`
      : `NOT connected to ${status.server} as ${status.name}`,
    `reconnects ${status.reconnects}${status.lastError === null ? '' : `, last: ${status.lastError}`}`,
    `tunnels ${tunnels(status.tunnels)}`,
    `rules ${status.rules.join('  ')}`,
    '',
    streamTable(status.streams, now),
  ].join('\n');

const describe = (status: Status): string =>
  status.role === 'server' ? describeServer(status, Date.now()) : describeLocal(status, Date.now());

export const statusCommand = (): Command =>
  new Command('status')
    .summary('show what is connected')
    .description('Shows what is connected, on a server or a local that runs with this home.')
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .action(async ({ home, json }: { home: string; json?: true }) => {
      const status = await askRunning(home, (client) => client.status());
      if (json === true) printJson(status);
      else print(describe(status));
    });

export const kickCommand = (): Command =>
  new Command('kick')
    .argument('<id>', 'the number of a stream, or the name of a local')
    .summary("end a stream, or a local's session")
    .description(
      "Ends a stream by its number, or a local's session by its name (it will connect again; `depot locals revoke` keeps it out).",
    )
    .addOption(homeOption())
    .action(async (id: string, { home }: { home: string }) => {
      await askRunning(home, (client) => client.kick(id));
    });
