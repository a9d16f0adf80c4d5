// Run by a test in a namespace whose name server never answers: asks a local, a process of its own, for a number of names
// that only that server could know, and then for one of the hosts file. Prints the REP for that one.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { App } from './apps.ts';
import { startLocal } from './cli.ts';
import { Depot, tempDir } from './depot.ts';
import { handshake } from './socks-client.ts';

interface Names {
  /** Address of the name server. */
  readonly server: string;
  readonly unknown: readonly string[];
  readonly known: string;
}

/** Bytes before the name in a query (RFC 1035, section 4.1.1). */
const HEADER_BYTES = 12;

const { server, unknown, known } = JSON.parse(await text(process.stdin)) as Names;
const asked = new Set<string>();
const silent = dgram.createSocket('udp4').bind(53, server);
await once(silent, 'listening');
const severalAsked = Promise.withResolvers<void>();
silent.on('message', (query) => {
  asked.add(query.subarray(HEADER_BYTES, query.indexOf(0, HEADER_BYTES)).toString('latin1'));
  if (asked.size > 1) severalAsked.resolve();
});

await using app = await App.listen((socket) => socket.end());
await using depot = await Depot.server();
using home = tempDir();
await using _ = await startLocal(home.path, depot.firstLink, '--allow', '*', '--dial-ms', '3000');
const ask = async (name: string): Promise<number> => {
  const [wire, { reply }] = await handshake(depot.target(`${name}.home.depot`, app.port));
  wire[Symbol.dispose]();
  return reply;
};
for (const name of unknown) ask(name).catch(() => undefined);
await severalAsked.promise;
process.stdout.write(String(await ask(known)));
silent.close();
