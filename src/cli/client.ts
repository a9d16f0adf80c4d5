// depot client

import { Command } from 'commander';
import { DepotClient } from '../client/client.ts';
import { ClientConfig } from '../config/schema.ts';
import { formatAddress } from '../socks/address.ts';
import { VERSION } from '../version.ts';
import { createLog } from './log.ts';
import { describePage, formatPublished } from './format.ts';
import { print } from './output.ts';
import { untilOver } from './run.ts';
import { givenLink } from './secret.ts';
import { addSettings, type CommonOptions, moreSettings, settingsOf } from './settings.ts';

const COMMON = ['port', 'publish', 'device', 'webPort', 'logLevel'];

const describe = (client: DepotClient): string => {
  const { server, published } = client.status();
  const here = formatAddress(client.address);
  return `depot client ${VERSION}

  listens  ${here} (no password; this machine only)
  server   ${server}${published.map((port) => `\n  port     ${formatPublished(port)}`).join('')}${describePage(client.web, '  page     ')}

  curl     curl --proxy http://${here} http://NAME.depot/
           curl --proxy socks5h://${here} http://NAME.depot/
  ssh      ssh -o ProxyCommand='ncat --proxy ${here} --proxy-type socks5 --proxy-dns remote %h %p' NAME.depot
  browser  automatic proxy configuration: http://${here}/proxy.pac`;
};

export const clientCommand = (): Command =>
  addSettings(new Command('client'), ClientConfig, COMMON)
    .argument(
      '[link]',
      'the join link from `depot invite --user USER`, needed once; with - it is read from standard input, or asked for on a terminal and not shown',
    )
    .description(
      'Offers a port on this machine only, and carries what comes there to the server over TLS, with both keys pinned.',
    )
    .addHelpText('after', moreSettings('client'))
    .addHelpText('after', "\nExamples:\n  depot client 'depot://…'\n  depot client -\n  depot client --port 1081")
    .action(async (argument: string | undefined, options: CommonOptions & Partial<ClientConfig>) => {
      const link = await givenLink(argument);
      const client = await DepotClient.start({ ...settingsOf(options), link, env: process.env, log: createLog });
      print(describe(client));
      client.events.once('connected', ({ server }) => {
        const { user, name } = client.status();
        print(`\nconnected to ${server} as ${user}/${name}`);
      });
      process.exitCode = await untilOver(client);
    });
