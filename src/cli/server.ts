// depot server

import { Command } from 'commander';
import { ServerConfig } from '../config/schema.ts';
import type { FirstStart } from '../server/administration.ts';
import { DepotServer } from '../server/server.ts';
import { VERSION } from '../version.ts';
import { formatPublished } from './format.ts';
import { lineageOf } from './lineage.ts';
import { createLog } from './log.ts';
import { print } from './output.ts';
import { untilSignal } from './run.ts';
import { addSettings, type CommonOptions, moreSettings, settingsOf } from './settings.ts';

const COMMON = [
  'host',
  'socksHost',
  'socksPort',
  'controlPort',
  'tunnelPort',
  'advertise',
  'publish',
  'webHost',
  'webPort',
  'tlsCertificate',
  'tlsKey',
  'allowAnonymous',
  'logLevel',
];

/** `host:port`, as it goes into a URL. */
const at = (host: string, port: number): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

const describeFirstStart = ({ user, password, local, link }: FirstStart, socks: string): string => `
First start. This is shown once:

  user         ${user}
  password     ${password}

  On a machine in the private network (the link is good once, for 24 hours):
    depot local '${link}'

  Then from anywhere, for a web server on that machine:
    curl --proxy 'socks5h://${user}:${password}@${socks}' http://${local}.depot/`;

const describe = (server: DepotServer): string => {
  const { host, guessed, socksPort, controlPort, tunnelPort } = server.address;
  const socks = at(host, socksPort);
  const lines = [
    `depot server ${VERSION}`,
    '',
    `  clients      ${socks} (SOCKS and HTTP proxy, plain and in TLS)`,
    `  locals       ${at(host, controlPort)}`,
    ...(tunnelPort === controlPort ? [] : [`  tunnels      ${at(host, tunnelPort)}`]),
    ...server.status().published.map((port) => `  published    ${formatPublished(port)}`),
    ...(server.web === undefined ? [] : [`  dashboard    ${server.web.url}`]),
    `  fingerprint  ${server.fingerprint}`,
  ];
  if (guessed) lines.push('', `  Links carry ${host}. If this host has a better name, start with --advertise NAME.`);
  if (server.web?.password !== undefined)
    lines.push('', `  The dashboard's password, shown once: ${server.web.password}`);
  if (server.firstStart !== undefined) lines.push(describeFirstStart(server.firstStart, socks));
  return lines.join('\n');
};

export const serverCommand = (): Command =>
  addSettings(new Command('server'), ServerConfig, COMMON)
    .description(
      'Runs the public side. The first start makes its key, a user and an invitation, and prints what to paste where.',
    )
    .addHelpText('after', moreSettings('server'))
    .addHelpText(
      'after',
      '\nExamples:\n  depot server --advertise vps.example\n  depot server --host 127.0.0.1 --socks-port 1080',
    )
    .action(async (options: CommonOptions & Partial<ServerConfig>) => {
      const lineage = await lineageOf();
      const settings = { ...settingsOf(options), env: process.env, log: createLog };
      const server = await DepotServer.start(settings, lineage).catch(async (error: unknown) => {
        await lineage.predecessor?.giveUp(error);
        throw error;
      });
      print(describe(server));
      process.exitCode = await untilSignal(server);
    });
